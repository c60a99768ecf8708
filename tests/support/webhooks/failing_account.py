"""Webhooks of an account in which every kind of sending failure has happened."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.webhooks import builders
from tests.support.webhooks.builders import Json, event, message_finalized, message_sent, send_refused

NOW = datetime.now(UTC).replace(microsecond=0)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
LIMIT_REACHED = (NOW - 10 * DAY).replace(hour=12)  # far from midnight: a limit holds for a day in UTC
LONG_CODE, TOLL_FREE = "+13125550190", "+18335550193"
ANN, BEN, CAT, DAN = "+12125550101", "+12125550102", "+12125550103", "+12125550104"


def troubles() -> list[Json]:
    """All webhooks of the account."""
    return [*registry(), *messages(), *people()]


def failed(message_id: str, *codes: str, at: datetime, number: str = ANN, **more: Any) -> Json:
    errors = [{"code": code, "title": "told", "detail": "so"} for code in codes]
    return message_finalized(message_id, number, at=at, status="delivery_failed", errors=errors, **more)


def ten_dlc(entity: str, at: datetime, **payload: Any) -> Json:
    return event(f"10dlc.{entity}.update", payload, at=at)


def registry() -> list[Json]:
    """One brand verified and one not; campaigns provisioned, refused and with the carriers; numbers in each state."""
    at = NOW - 20 * DAY
    good = {"brandId": "brand-good", "campaignId": "camp-good", "tcrCampaignId": "CGOOD01"}
    refused = {"campaignId": "camp-bad", "type": "TELNYX_REVIEW", "status": "REJECTED", "description": "No opt-in"}
    found = [
        ten_dlc("brand", at, brandId="brand-good", tcrBrandId="BGOOD01", type="BRAND_ADD", status="success"),
        ten_dlc("brand", at + MINUTE, brandId="brand-good", type="X", brandIdentityStatus="VERIFIED", brandName="Acme"),
        ten_dlc("brand", at, brandId="brand-bad", type="REGISTRATION", status="failed", reasons=["Invalid EIN"]),
        ten_dlc("campaign", at, **good, type="TCR_EVENT", eventType="CAMPAIGN_ADD"),
        ten_dlc("campaign", at + DAY, **good, type="TELNYX_REVIEW", status="ACCEPTED"),
        ten_dlc("campaign", at + 2 * DAY, **good, type="VERIFIED", isTMobileRegistered=True),
        ten_dlc("campaign", at, campaignId="camp-bad", brandId="brand-bad", type="TCR_EVENT", eventType="CAMPAIGN_ADD"),
        ten_dlc("campaign", at + HOUR, **refused),
        ten_dlc("campaign", at, campaignId="camp-wait", brandId="brand-bad", type="TELNYX_REVIEW", status="ACCEPTED"),
    ]
    assigned = {
        LONG_CODE: ("camp-good", "ASSIGNMENT", "SUCCESS", at + 3 * DAY, []),
        "+13125550191": ("camp-good", "ASSIGNMENT", "SUCCESS", NOW - HOUR, []),
        "+13125550192": ("camp-good", "ASSIGNMENT", "FAILED", at + 3 * DAY, ["Not on this profile"]),
        "+13125550193": ("camp-bad", "STATUS_UPDATE", "PENDING", at + 4 * DAY, []),
        "+13125550194": ("camp-bad", "ASSIGNMENT", "SUCCESS", at + 4 * DAY, []),
        "+13125550195": ("camp-good", "DELETION", "SUCCESS", at + 5 * DAY, []),
    }
    for number, (campaign, kind, status, when, reasons) in assigned.items():
        said = {"type": kind, "status": status, "reasons": reasons}
        found.append(ten_dlc("phone_number", when, phoneNumber=number, campaignId=campaign, **said))
    again = {"phoneNumber": LONG_CODE, "campaignId": "camp-bad", "type": "ASSIGNMENT", "status": "FAILED"}
    return [*found, ten_dlc("phone_number", at + 4 * DAY, **again)]


def messages() -> list[Json]:
    """One message for each way to fail, with costs."""
    at, long_code = NOW - 10 * DAY, {"phone_number": LONG_CODE}
    ours: Json = {"from": long_code, "tcr_campaign_id": "CGOOD01"}
    silent: Json = {"cost": None, "cost_breakdown": None}
    two = [builders.recipient(ANN, "delivered"), builders.recipient(BEN, "delivery_failed", errors=[])]
    return [
        message_finalized("ok", ANN, at=at, **ours),
        failed("spam", "40002", "40001", at=at, **ours),
        message_finalized("two", at=at, to=two, errors=[{"code": "40008"}], **silent),
        message_finalized("silent", ANN, at=at, status="delivery_unconfirmed", **ours),
        message_sent("stuck", ANN, at=at, **silent),
        message_sent("queued", DAN, at=NOW - HOUR, status="queued", sent_at=None, **silent),
        message_sent("now", DAN, at=NOW - MINUTE, **silent),
        failed("odd", "49999", at=at, **silent),
        failed("limit", "40333", at=LIMIT_REACHED + HOUR, **silent),
        failed("not-registered", "40010", at=NOW - HOUR, number=DAN, **ours | silent),
        builders.spend_limit_reached(at=LIMIT_REACHED),
        builders.spend_limit_reached(at=LIMIT_REACHED + MINUTE, current_cost="10.07"),
    ]


def people() -> list[Json]:
    """ANN wrote STOP to a toll-free number and still got a message; BEN used other words; CAT opted in again."""
    at, via = NOW - 5 * DAY, [{"phone_number": TOLL_FREE}]
    ours: Json = {"from": {"phone_number": TOLL_FREE}}
    return [
        builders.stop_received("stop", ANN, at=at, to=via),
        message_finalized("confirmation", ANN, at=at + timedelta(seconds=2), **ours),
        message_finalized("none-the-less", ANN, at=at + HOUR, **ours),
        send_refused("refused", ANN, at=at + 2 * HOUR, **ours),
        builders.message_received("words", BEN, "please stop texting me", at=at + HOUR, to=via),
        builders.stop_received("cat-stop", CAT, at=at, to=via),
        builders.start_received("cat-start", CAT, at=at + DAY, to=via),
        send_refused("unseen", "+12125550109", at=at + DAY),
        builders.toll_free_update("tf-1", "Rejected", at=at, rejectionReason="No opt-in"),
        builders.toll_free_update("tf-2", "Waiting For Vendor", at=NOW - 30 * DAY),
        builders.toll_free_update("tf-3", "verified", at=at),
    ]
