"""Contradictory webhooks at equal times about a few brands, campaigns and numbers under several ids.

Telnyx ids are `k1 k2` and `b1 b2`, TCR ids `C1AAAA C2BBBB` and `B1AAAA B2BBBB`. Any event may link any two of
them, so links are learnt late, are contested from both sides, and come from a description or from a field.
"""

from typing import Any

from hypothesis import strategies as st

from tests.support.streams.pools import TIMES, an_object, pool, weighted
from tests.support.webhooks.malformed import HOSTILE, Raw

Json = dict[str, Any]

# --- subjects --------------------------------------------------------------------------------------------------------

PAIRS = (("k1", "C1AAAA"), ("k2", "C1AAAA"), ("k1", "C2BBBB"))
CAMPAIGNS: list[Json] = [
    *([{"campaignId": "k1"}] * 6 + [{"campaignId": "k2"}] * 2),
    *({"campaignId": "C1AAAA"}, {"campaignId": "C1AAAA"}, {"campaignId": "C2BBBB"}, {"tcrCampaignId": "C1AAAA"}),
    *({"campaignId": "k1", "tcrCampaignId": "C1AAAA"}, {"campaignId": "k2", "tcrCampaignId": "C1AAAA"}),
    *({"campaignId": "k1", "tcrCampaignId": "C2BBBB"}, {"campaignId": " k2 ", "tcrCampaignId": " C2BBBB"}),
    *({"campaignId": "k1", "tcrCampaignId": "c1aaaa"}, {"campaignId": "C2BBBB", "tcrCampaignId": "C1AAAA"}),
]
BRANDS: list[Json] = [
    *([{"brandId": "b1"}] * 3 + [{"brandId": "b2"}]),
    *({"brandId": "B1AAAA"}, {"tcrBrandId": "B1AAAA"}, {"brandId": "b1", "tcrBrandId": "B1AAAA"}),
    *({"brandId": "b2", "tcrBrandId": "B1AAAA"}, {"brandId": "b1", "tcrBrandId": "B2BBBB"}, {"brandId": "B2BBBB"}),
    *({"brandId": "b1", "tcrBrandId": "C1AAAA"}, {"brandId": "B2BBBB", "tcrBrandId": "B1AAAA"}),
]
NUMBERS: list[Json] = [
    *({"phoneNumber": "+13125550001"}, {"phoneNumber": "+13125550001"}, {"phoneNumber": "1 (312) 555-0001"}),
    *({"phoneNumber": 13125550001}, {"phoneNumber": "+13125550002"}, {"phoneNumber": "12345"}),
]

# --- statements ------------------------------------------------------------------------------------------------------


def spelled(*statements: Json) -> list[Json]:
    """The statements, and the same in other letter cases."""
    other = [
        {name: str.swapcase(word) if turn % 2 else f" {word.title()}\n" for name, word in statement.items()}
        for turn, statement in enumerate(statements)
    ]
    return [*statements, *statements, *other]


OPERATIONS = ("APPROVED", "REJECTED", "REVIEW", "SUSPENDED", "SUSPENDED", "UNSUSPENDED", "UNSUSPENDED")
TCR_EVENTS = (
    *("CAMPAIGN_ADD", "CAMPAIGN_BILLED", "CAMPAIGN_DCA_COMPLETE", "CAMPAIGN_EXPIRED", "CAMPAIGN_NUDGE"),
    *("CAMPAIGN_RESUBMISSION", "CAMPAIGN_UPDATE", "CAMPAIGN_ADD", "CAMPAIGN_NUDGE", "VERIFIED", "ANY_APPROVED"),
    *(f"MNO_CAMPAIGN_OPERATION_{operation}" for operation in OPERATIONS),
)
STATED = (
    *("TCR_PENDING", "TCR_ACCEPTED", "TCR_FAILED", "TCR_SUSPENDED", "TCR_EXPIRED", "TELNYX_ACCEPTED", "TELNYX_FAILED"),
    *(
        "MNO_PENDING", "MNO_ACCEPTED", "MNO_REJECTED", "MNO_PROVISIONED", "MNO_PROVISIONING_FAILED", "ACTIVE",
        "REJECTED",
    ),
)  # fmt: skip
REVIEWS: list[Json] = [
    *(
        {"type": review, "status": word}
        for review in ("TELNYX_REVIEW", "MNO_REVIEW")
        for word in ("ACCEPTED", "REJECTED")
    ),
    *({"type": "TELNYX_EVENT", "status": "DORMANT"}, {"type": "REGISTRATION", "status": "failed"}),
    *({"type": "REGISTRATION", "status": "success"}, {"type": "VERIFIED"}, {"type": "CAMPAIGN_NUDGE"}),
]
CAMPAIGN_SAYS: list[Json] = [
    *spelled(*REVIEWS, *REVIEWS[:4], *({"type": "TCR_EVENT", "eventType": word} for word in TCR_EVENTS)),
    *spelled(*({"type": word} for word in ("NUMBER_POOL_PROVISIONED", "NUMBER_POOL_DEPROVISIONED"))),
    *({"campaignStatus": word} for word in STATED),
    *({"campaignStatus": "mno_provisioned ", "type": "REGISTRATION", "status": "failed"}, {"status": "ACCEPTED"}),
    *({"type": "MNO_REVIEW", "status": "ACCEPTED", "eventType": "CAMPAIGN_ADD"}, {"type": "NEW", "status": "NEW"}),
    *({"type": "TELNYX_REVIEW", "status": "PENDING", "eventType": "CAMPAIGN_EXPIRED"}, {"eventType": "CAMPAIGN_ADD"}),
    *({"type": "MNO_CAMPAIGN_OPERATION_SUSPENDED"}, {"type": "MNO_CAMPAIGN_OPERATION_UNSUSPENDED"}),
]
# About one campaign: it is suspended and returns to its status before, also to one that a late event changed.
ONE_CAMPAIGN: list[Json] = [{"campaignId": "k1"}, {"campaignId": "C1AAAA"}, {"campaignId": "k1"}, *CAMPAIGNS[-6:-5]]
SUSPENSIONS: list[Json] = [
    *({"type": "TCR_EVENT", "eventType": f"MNO_CAMPAIGN_OPERATION_{operation}"} for operation in OPERATIONS[2:]),
    *({"type": "VERIFIED"}, {"type": "TELNYX_EVENT", "status": "DORMANT"}, {"campaignStatus": "MNO_PENDING"}),
]
# About two campaigns and one TCR id, from a description or from a field, which wins over all descriptions.
LINKS: list[Json] = [
    *({"campaignId": telnyx, "type": "TCR_EVENT", "description": "C1AAAA was added"} for telnyx in ("k1", "k2")),
    *({"campaignId": telnyx, "type": "TELNYX_REVIEW", "description": f"Campaign {tcr}."} for telnyx, tcr in PAIRS),
    *({"campaignId": telnyx, "tcrCampaignId": tcr} for telnyx, tcr in PAIRS),
    *({"campaignId": "C1AAAA", "status": "ADDED"}, {"campaignId": "C1AAAA", "type": "VERIFIED"}),
]
BRAND_TYPES = ("REGISTRATION", "REVET", "ORDER_EXTERNAL_VETTING", "BRAND_ADD")
BRAND_EVENTS = ("BRAND_ADD", "BRAND_APPEAL_ADD", "BRAND_APPEAL_COMPLETE", "BRAND_REVET", "REGISTRATION", "BRAND_UPDATE")
BRAND_SAYS: list[Json] = spelled(
    *({"type": word, "status": status} for word in BRAND_TYPES for status in ("success", "FAILED", "pending")),
    *(
        {"type": "TCR_BRAND_UPDATE", "eventType": word, "status": status}
        for word in BRAND_EVENTS
        for status in ("success", "failed")
    ),
    *({"type": "TCR_BRAND_WEBHOOK", "eventType": word} for word in BRAND_EVENTS),
    *({"type": word} for word in BRAND_TYPES),
    *({"brandIdentityStatus": "VERIFIED", "identityStatus": "UNVERIFIED"}, {"identityStatus": "VETTED_VERIFIED"}),
)
NUMBER_SAYS: list[Json] = spelled(
    *({"type": word, "status": status} for word in ("ASSIGNMENT", "DELETION") for status in ("success", "failed")),
    *({"type": "STATUS_UPDATE", "status": status} for status in ("ADDED", "PENDING", "DELETED", "FAILED")),
    *({"status": status} for status in ("ADDED", "PENDING", "DELETED", "FAILED")),
    *(
        {"type": "STATUS_UPDATE", "status": "SUCCESS"},
        {"type": "ASSIGNMENT", "status": "ADDED"},
        {"type": "ASSIGNMENT"},
    ),
)

# --- reasons ---------------------------------------------------------------------------------------------------------

REASONS: list[Any] = [
    *([], None, "plain", ["plain", "plain", " "], [{"fields": ["ein", "name"], "description": " does not match\0"}]),
    *([{"fields": "ein", "description": "d"}, {"description": "e"}], {"fields": [], "description": "f"}),
    *([{"fields": [" ", 5, None, " n "], "description": "g"}], [{"fields": ["only"]}], [{"description": 5}, {}, 7]),
    *([Raw("0.50"), Raw("12" * 60), Raw("1.0")], {"a\0b": ["\0", {"\0": None}]}, Raw("[" * 150 + "]" * 150)),
]
DESCRIPTIONS = (
    *(
        "C1AAAA approved by Telnyx", "Campaign C1AAAA was added", "C2BBBB", " Campaign C2BBBB: no", "C1AAAA_x",
        "C1AAAAé",
    ),
    *("CAAAAAA approved", "CAMPAIGN C1AAAA", "Campaign  C1AAAA", "campaign C2BBBB", "C1AAAABBBBC", "why not", "C1AAAA"),
)  # fmt: skip
EXTRAS: list[Json] = [
    *([{}] * 8 + [{"reasons": reasons} for reasons in REASONS]),
    *({"description": description} for description in DESCRIPTIONS * 2),
    *({"rejectionReason": "r1", "description": "d1"}, {"rejectionReason": " ", "reasons": [" "], "description": "d2"}),
    *({"isTMobileRegistered": True}, {"isTMobileRegistered": False}, {"isTMobileRegistered": "true"}),
    *({"cspId": "TNX"}, {"cspId": 7, "nudgeIntent": "APPEAL_REJECTION"}, {"cspId": " "}),
    *({"brandName": "One"}, {"brandName": "Two"}, {"brandName": ""}, *BRANDS),
]

# --- webhooks --------------------------------------------------------------------------------------------------------

EVENT_TYPES = ("10dlc.campaign.update", "10dlc.brand.update", "10dlc.phone_number.update")
ODD_TYPES = (
    "campaign.status_update", "brand.created", "10dlc.", "campaign.", "10DLC.campaign.update", "10dlc", "brand",
)  # fmt: skip


def _webhooks(*choices: list[Json]) -> st.SearchStrategy[Json]:
    """One part of each list, later parts over earlier ones. The event type does not matter."""
    parts = [st.sampled_from(choice) for choice in (*choices, EXTRAS)]
    return st.tuples(st.sampled_from(EVENT_TYPES), TIMES, *parts).map(_event)


def _event(drawn: tuple[Any, ...]) -> Json:
    event_type, occurred_at, *parts = drawn
    payload: Json = {}
    for part in parts:
        payload |= part
    return {"event_type": event_type, "occurred_at": occurred_at, "payload": payload}


def _hostile(name: str, *choices: list[Json]) -> st.SearchStrategy[Any]:
    return pool(*{repr(choice[name]): choice[name] for some in choices for choice in some if name in choice}.values())


SAYS = (CAMPAIGN_SAYS, BRAND_SAYS, NUMBER_SAYS)
ANY_SHAPE = an_object(
    phoneNumber=_hostile("phoneNumber", NUMBERS), campaignId=_hostile("campaignId", CAMPAIGNS),
    tcrCampaignId=_hostile("tcrCampaignId", CAMPAIGNS), brandId=_hostile("brandId", BRANDS),
    tcrBrandId=_hostile("tcrBrandId", BRANDS), type=_hostile("type", *SAYS), eventType=_hostile("eventType", *SAYS),
    status=_hostile("status", *SAYS), campaignStatus=pool(*STATED), description=pool(*DESCRIPTIONS),
    reasons=st.sampled_from([*REASONS, *HOSTILE]) | st.lists(st.sampled_from([*REASONS, *HOSTILE]), max_size=3),
    rejectionReason=pool("r1"), cspId=pool("TNX"), nudgeIntent=pool("APPEAL_REJECTION"),
    isTMobileRegistered=pool(True, False), brandName=pool("One"), brandIdentityStatus=pool("VERIFIED", "unverified"),
    identityStatus=pool("VERIFIED"),
)  # fmt: skip
TEN_DLC = weighted(
    (9, _webhooks(CAMPAIGNS, CAMPAIGN_SAYS)),
    (6, _webhooks(ONE_CAMPAIGN, SUSPENSIONS)),
    (4, _webhooks(LINKS)),
    (4, _webhooks(BRANDS, BRAND_SAYS)),
    (5, _webhooks(CAMPAIGNS, NUMBERS, NUMBER_SAYS)),
    (1, _webhooks(NUMBERS + BRANDS, NUMBER_SAYS + BRAND_SAYS + CAMPAIGN_SAYS)),
    (3, st.tuples(st.sampled_from((*EVENT_TYPES, *ODD_TYPES)), TIMES, ANY_SHAPE).map(_event)),
)
