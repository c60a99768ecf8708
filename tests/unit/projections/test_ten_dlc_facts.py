"""The facts that a 10DLC webhook gives: its entity, the ids, the links between ids, the reason."""

from typing import Any

import orjson
import pytest

from projections.tables.ten_dlc.facts import TEN_DLC, TEN_DLC_EVENTS, reason_text
from schemas.kafka.record import Delivery
from schemas.reading.event import Event, read
from tests.support.webhooks import builders

TELNYX, TCR = "4b300178-131c-d902-d54e-72d90ba1620j", "CNZO3VL"
DEEP: Any = "x"
for _ in range(240):
    DEEP = [DEEP]


def fact(**payload: Any) -> dict[str, Any] | None:
    """The row of a webhook, None where it has none."""
    body = builders.encode(builders.event("10dlc.campaign.update", payload))
    event = read(body)
    assert isinstance(event, Event)
    made = list(TEN_DLC.rows(event, Delivery(body, bytes(64), "0", "key", "default", builders.NOON)))
    assert [table for table, _ in made] == [TEN_DLC_EVENTS] * len(made)
    assert all(row.keys() == TEN_DLC_EVENTS.columns.keys() for _, row in made)
    return made[0][1] if made else None


def said(name: str, **payload: Any) -> Any:
    row = fact(**payload)
    assert row is not None
    return row[name]


@pytest.mark.parametrize(
    ("payload", "entity"),
    [
        ({"phoneNumber": "+13125550001", "campaignId": "c", "brandId": "b"}, "phone_number"),
        ({"campaignId": "c", "brandId": "b"}, "campaign"),
        ({"tcrCampaignId": "c", "brandId": "b"}, "campaign"),
        ({"brandId": "b"}, "brand"),
        ({"tcrBrandId": "b"}, "brand"),
        ({"phoneNumber": " ", "campaignId": "x" * 256, "brandId": 7}, "brand"),
        ({"phoneNumber": {}, "campaignId": True, "brandId": ""}, None),
        ({"type": "REGISTRATION", "status": "failed"}, None),
    ],
)
def test_the_ids_alone_decide_the_entity(payload: dict[str, Any], entity: str | None) -> None:
    row = fact(**payload)
    assert (row and row["entity"]) == entity


@pytest.mark.parametrize(
    ("payload", "tcr_id", "has_field", "links"),
    [
        ({"campaignId": TELNYX, "tcrCampaignId": TCR}, TCR, True, True),
        ({"campaignId": TELNYX, "tcrCampaignId": "cnzo3vl"}, "cnzo3vl", True, False),
        ({"campaignId": TELNYX, "tcrCampaignId": "BNZO3VL"}, "BNZO3VL", True, False),
        ({"campaignId": TELNYX, "tcrCampaignId": "C1234"}, "C1234", True, False),
        ({"campaignId": TELNYX, "tcrCampaignId": "C123456789A"}, "C123456789A", True, False),
        ({"campaignId": TCR, "tcrCampaignId": "C00001"}, "C00001", True, False),
        ({"campaignId": TCR}, TCR, False, False),
        ({"tcrCampaignId": TCR}, TCR, True, False),
        ({"campaignId": TELNYX}, None, False, False),
        ({"campaignId": "BBRAND1"}, None, False, False),
    ],
)
def test_two_campaign_ids_of_different_kinds_are_linked(
    payload: dict[str, Any], tcr_id: str | None, has_field: bool, links: bool
) -> None:
    row = fact(**payload)
    assert row is not None
    assert (row["tcr_campaign_id"], row["tcr_id_has_field"], row["links_campaign"]) == (tcr_id, has_field, links)


@pytest.mark.parametrize(
    ("description", "tcr_id"),
    [
        ("C6X6M95 approved by Telnyx", "C6X6M95"),
        ("  Campaign C6X6M95: approved", "C6X6M95"),
        ("C6X6M95", "C6X6M95"),
        ("CAMPAIGN1 is the name", "CAMPAIGN1"),
        ("CAMPAIGN is a word", None),
        ("C6X6M95_ is not one", None),
        ("C6X6M95\u00e9", None),
        ("C6X6M95x", None),
        ("C12345678901", None),
        ("C1234", None),
        ("campaign C6X6M95", None),
        ("Campaign  C6X6M95", None),
        ("The campaign C6X6M95", None),
        ("B6X6M95 is a brand", None),
        (7, None),
    ],
)
def test_a_description_may_begin_with_the_id(description: object, tcr_id: str | None) -> None:
    for kind in ("TELNYX_REVIEW", "tcr_event "):
        row = fact(campaignId=TELNYX, type=kind, description=description)
        assert row is not None
        assert (row["tcr_campaign_id"], row["tcr_id_has_field"], row["links_campaign"]) == (tcr_id, False, bool(tcr_id))
    assert said("tcr_campaign_id", campaignId=TELNYX, type="MNO_REVIEW", description=description) is None
    assert said("tcr_campaign_id", campaignId="C00001", type="TCR_EVENT", description=description) == "C00001"
    assert fact(type="TCR_EVENT", description=description) is None
    assert said("tcr_campaign_id", brandId="b", type="TCR_EVENT", description=description) is None


@pytest.mark.parametrize(
    ("brand", "tcr_brand", "links"),
    [("b", "BBRAND1", True), ("BBRAND1", "BBRAND2", False), ("b", "CBRAND1", False), (None, "BBRAND1", False)],
)
def test_two_brand_ids_are_linked_in_any_fact(brand: object, tcr_brand: str, links: bool) -> None:
    for more in ({}, {"campaignId": "c"}, {"campaignId": "c", "phoneNumber": "+13125550001"}):
        assert said("links_brand", brandId=brand, tcrBrandId=tcr_brand, **more) is links


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        ({"reasons": [" one ", "two", "", None, 7]}, "one; two"),
        ({"reasons": "alone", "description": "no"}, "alone"),
        ({"reasons": {"description": "bad", "fields": ["ein", " name ", 7, ""]}}, "ein, name: bad"),
        ({"reasons": [{"description": "bad", "fields": "ein"}, {"description": "worse"}]}, "ein: bad; worse"),
        ({"reasons": [{"fields": ["ein"]}], "rejectionReason": "r", "description": "d"}, "r"),
        ({"reasons": [], "rejectionReason": " ", "description": " d "}, "d"),
        ({"reasons": [[["deep"]]], "description": None}, None),
        ({"reasons": "a\u0000b"}, "a\ufffdb"),
        ({"reasons": DEEP}, None),
        ({}, None),
    ],
)
def test_reasons_become_text(payload: dict[str, Any], words: str | None) -> None:
    assert reason_text(payload) == words


def test_texts_are_kept_as_received_and_other_types_become_null() -> None:
    row = fact(
        campaignId=12, type=" Telnyx_Review ", eventType=7, status="accepted", description="", reasons={"a\u0000": 1},
        cspId=9, nudgeIntent=" APPEAL ", brandIdentityStatus=" verified", identityStatus="x", campaignStatus="active",
        isTMobileRegistered="true", brandName="ACME\u0000",
    )  # fmt: skip
    assert row is not None
    row["reasons"] = orjson.loads(orjson.dumps(row["reasons"]))
    assert row | {
        "campaign_id": "12", "payload_type": "Telnyx_Review", "tcr_event_type": None, "status": "accepted",
        "description": None, "reasons": [{"a\ufffd": 1}], "csp_id": "9", "nudge_intent": "APPEAL",
        "identity_status": "VERIFIED", "campaign_status": "ACTIVE", "is_t_mobile_registered": None,
        "brand_name": "ACME\ufffd",
    } == row  # fmt: skip


@pytest.mark.parametrize("kind", ["10dlc.campaign.update", "10dlc.anything", "brand.vetted", "campaign.status_update"])
def test_every_event_type_of_the_family_is_taken(kind: str) -> None:
    assert TEN_DLC.event_types.takes(kind)


@pytest.mark.parametrize("kind", ["10DLC.campaign.update", "10dlc", "brands.x", "x.campaign.y", "BRAND_VETTED"])
def test_no_other_family_is_taken(kind: str) -> None:
    assert not TEN_DLC.event_types.takes(kind)
