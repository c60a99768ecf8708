"""10DLC: events of brands, campaigns and the numbers of campaigns. Only these events use camelCase.

The ids in the payload decide which thing an event is about, not the event_type: the vendor's own samples have a brand's
payload under `10dlc.campaign.update`. So every payload type accepts the fields of the others.
"""

from typing import Annotated

from msgspec import Meta, Struct

from schemas.families.envelope import Id, Number, Time, Webhook


class Reason(Struct, frozen=True):
    """The reason of a failure, and the fields of the registration that it concerns."""

    fields: list[str] | None = None
    description: str | None = None


class TenDlc(Struct, frozen=True, rename="camel"):
    """The fields that every 10DLC event may have. Telnyx mixes upper and lower case: compare without regard to it."""

    type: Annotated[str | None, Meta(description="The kind of notice. It decides the meaning of `status`.")] = None
    event_type: Annotated[
        str | None, Meta(description="The Campaign Registry's own event, where this passes one on.")
    ] = None
    status: Annotated[str | None, Meta(examples=["success", "failed", "ACCEPTED", "REJECTED", "ADDED"])] = None
    description: str | None = None
    reasons: list[Reason | str] | Reason | str | None = None
    brand_id: Id | None = None
    tcr_brand_id: Id | None = None
    campaign_id: Annotated[
        Id | None, Meta(description="Telnyx's id, or The Campaign Registry's for nudges and shared campaigns.")
    ] = None
    tcr_campaign_id: Id | None = None
    csp_id: Id | None = None


class Brand(TenDlc, frozen=True, rename="camel"):
    """`10dlc.brand.update`: registration, vetting and appeals of a brand."""

    brand_name: str | None = None
    brand_identity_status: str | None = None
    identity_status: Annotated[
        str | None, Meta(examples=["VERIFIED", "UNVERIFIED", "SELF_DECLARED", "VETTED_VERIFIED"])
    ] = None
    rejection_reason: str | None = None


class Campaign(TenDlc, frozen=True, rename="camel"):
    """`10dlc.campaign.update`: reviews, suspension, expiry and number pools of a campaign."""

    campaign_status: Annotated[str | None, Meta(examples=["TCR_ACCEPTED", "MNO_PENDING", "MNO_PROVISIONED"])] = None
    is_t_mobile_registered: bool | None = None
    nudge_intent: Annotated[str | None, Meta(examples=["APPEAL_REJECTION"])] = None
    rejection_reason: str | None = None
    created_date: Time | None = None
    create_date: Annotated[str | int | None, Meta(description="Unix seconds, in another spelling of the page.")] = None


class CampaignNumber(TenDlc, frozen=True, rename="camel"):
    """`10dlc.phone_number.update`: a number was assigned to a campaign or taken from it; one event per number."""

    phone_number: Number | None = None


BrandUpdated = Webhook[Brand]
CampaignUpdated = Webhook[Campaign]
CampaignNumberUpdated = Webhook[CampaignNumber]
