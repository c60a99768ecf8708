"""The second computation of the facts of 10DLC against cases worked out by hand from docs/semantics.md, section 7."""

import pytest

from tests.oracle.ten_dlc.facts import described_id
from tests.support.webhooks.builders import Json
from tests.support.webhooks.oracle_rows import only, rows
from tests.support.webhooks.ten_dlc import TCR, TCR2, TELNYX, campaign, fact


@pytest.mark.parametrize(
    ("payload", "entity"),
    [
        ({"phoneNumber": "+13125550001", "campaignId": "c", "brandId": "b"}, "phone_number"),
        ({"phoneNumber": " ", "campaignId": "c", "brandId": "b"}, "campaign"),
        ({"tcrCampaignId": 7, "brandId": "b"}, "campaign"),
        ({"brandId": "b", "campaignId": True}, "brand"),
        ({"tcrBrandId": "B"}, "brand"),
    ],
)
def test_the_payload_alone_tells_what_a_fact_is_about(payload: Json, entity: str) -> None:
    assert only("ten_dlc_events", fact(event_type="10dlc.brand.update", **payload))["entity"] == entity


def test_an_event_that_names_nothing_or_is_of_another_family_is_no_fact() -> None:
    assert rows("ten_dlc_events", fact(type="VERIFIED", cspId="x")) == {}
    for event_type in ("10DLC.campaign.update", "10dlc", "brands.x", "x.campaign.y"):
        assert rows("ten_dlc_events", fact(event_type=event_type, campaignId="c")) == {}
    assert len(rows("ten_dlc_events", fact(event_type="campaign.", campaignId="c"))) == 1


@pytest.mark.parametrize(
    ("payload", "tcr_campaign_id"),
    [
        ({"campaignId": TELNYX, "tcrCampaignId": " c1 "}, "c1"),
        ({"campaignId": TCR}, TCR),
        ({"campaignId": TCR, "tcrCampaignId": TCR2}, TCR2),
        ({"campaignId": "CCAMP"}, None),
        ({"campaignId": "CCAMP1"}, "CCAMP1"),
        ({"campaignId": "C123456789"}, "C123456789"),
        ({"campaignId": "C1234567890"}, None),
        ({"campaignId": "BBRAND1"}, None),
        ({"campaignId": TELNYX, "type": "telnyx_review ", "description": f"{TCR} approved"}, TCR),
        ({"campaignId": TELNYX, "type": "TCR_EVENT", "description": f"Campaign {TCR}: added"}, TCR),
        ({"campaignId": TELNYX, "type": "MNO_REVIEW", "description": f"{TCR} approved"}, None),
        ({"brandId": "b", "type": "TCR_EVENT", "description": f"{TCR} approved"}, None),
    ],
)
def test_where_the_tcr_id_of_a_campaign_comes_from(payload: Json, tcr_campaign_id: str | None) -> None:
    assert only("ten_dlc_events", fact(**payload))["tcr_campaign_id"] == tcr_campaign_id


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        ("C6X6M95", "C6X6M95"),
        ("C6X6M95, approved", "C6X6M95"),
        ("Campaign C6X6M95", "C6X6M95"),
        ("campaign C6X6M95", None),
        ("Campaign  C6X6M95", None),
        ("The C6X6M95", None),
        ("CAMPAIGN C6X6M95", None),  # has the shape, but holds no digit
        ("C6X6M95a", None),
        ("C6X6M95_", None),
        ("C6X6M95\u00e9", None),
        ("C6X6", None),
        ("C6X6M95X6M", "C6X6M95X6M"),
        ("C6X6M95X6M9", None),
    ],
)
def test_the_id_that_a_description_begins_with(description: str, expected: str | None) -> None:
    assert described_id(description) == expected


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"reasons": ["a ", {"fields": ["x", " y "], "description": " b"}, {"description": "c"}]}, "a; x, y: b; c"),
        ({"reasons": {"fields": [5], "description": "d\0"}}, "d\ufffd"),
        ({"reasons": "plain", "rejectionReason": "r"}, "plain"),
        ({"reasons": [" ", {"fields": ["x"]}, 7], "rejectionReason": "r", "description": "d"}, "r"),
        ({"reasons": [], "rejectionReason": " ", "description": "d"}, "d"),
        ({"reasons": None}, None),
    ],
)
def test_the_reason_text(payload: Json, reason: str | None) -> None:
    failed = campaign(type="REGISTRATION", status="failed", **payload)
    assert only("campaign_transitions", failed)["reason"] == reason


def test_reasons_are_an_array_as_received() -> None:
    assert only("ten_dlc_events", campaign(reasons={"a\0": 1}))["reasons"] == [{"a\ufffd": 1}]
    assert only("ten_dlc_events", campaign())["reasons"] == []
