"""The second computation of 10DLC against cases worked out by hand from semantics.md section 7."""

from datetime import timedelta
from typing import Any

import pytest

from tests import builders
from tests.builders import NOON, Json
from tests.oracle.bodies import Delivery
from tests.oracle.tables import tables
from tests.oracle.ten_dlc import described_id

TELNYX, OTHER, TCR, TCR2 = "4b300178-131c-d902-d54e-72d90ba1620j", "other", "C6X6M95", "CNZO3VL"


def fact(minute: float = 0, event_type: str = "10dlc.campaign.update", **payload: Any) -> Json:
    return builders.event(event_type, payload, at=NOON + timedelta(minutes=minute))


def campaign(minute: float = 0, **payload: Any) -> Json:
    return fact(minute, **{"campaignId": TELNYX} | payload)


def rows(table: str, *webhooks: Json) -> dict[Any, Any]:
    deliveries = [Delivery("a", "k", NOON, builders.encode(webhook), b"s" * 64, "1") for webhook in webhooks]
    return tables(deliveries)[table]


def only(table: str, *webhooks: Json) -> Any:
    (row,) = rows(table, *webhooks).values()
    return row


def statuses(*payloads: Json) -> list[str]:
    """What one campaign goes through."""
    found = rows("campaign_transitions", *(campaign(minute, **payload) for minute, payload in enumerate(payloads)))
    return [row["to_status"] for row in found.values()]


# --- ten_dlc_events --------------------------------------------------------------------------------------------------


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


# --- one thing, two ids ----------------------------------------------------------------------------------------------


def test_a_late_link_moves_all_rows_to_the_telnyx_id() -> None:
    told = [
        fact(1, campaignId=TCR, type="VERIFIED"),
        fact(2, campaignId=TCR, phoneNumber="+13125550001", status="ADDED"),
    ]
    assert set(rows("campaigns", *told)) == {(TCR,)}
    told.append(fact(3, campaignId=TELNYX, tcrCampaignId=TCR, phoneNumber="+13125550002"))
    assert only("campaigns", *told)["campaign_id"] == TELNYX
    assert set(rows("campaign_transitions", *told)) == {(TELNYX, 1)}
    number = only("campaign_numbers", *told)
    assert (number["campaign_id"], number["tcr_campaign_id"]) == (TELNYX, TCR)
    alias = only("ten_dlc_aliases", *told)
    assert (alias["entity"], alias["alias"], alias["id"]) == ("campaign", TCR, TELNYX)


def test_links_of_fields_outdo_later_ones_of_descriptions() -> None:
    field = fact(1, campaignId=TELNYX, tcrCampaignId=TCR)
    description = fact(2, campaignId=OTHER, type="TCR_EVENT", description=TCR)
    assert only("ten_dlc_aliases", field, description)["id"] == TELNYX
    assert only("ten_dlc_aliases", field, fact(2, campaignId=OTHER, tcrCampaignId=TCR))["id"] == OTHER


def test_two_telnyx_ids_are_never_joined_and_each_shows_its_own_greatest_link() -> None:
    told = [fact(1, campaignId=TELNYX, tcrCampaignId=TCR), fact(2, campaignId=OTHER, tcrCampaignId=TCR)]
    found = rows("campaigns", *told)
    assert {key: row["tcr_campaign_id"] for (key,), row in found.items()} == {TELNYX: TCR, OTHER: TCR}
    told.append(fact(3, campaignId=TELNYX, tcrCampaignId=TCR2))
    found = rows("campaigns", *told)
    assert {key: row["tcr_campaign_id"] for (key,), row in found.items()} == {TELNYX: TCR2, OTHER: TCR}


def test_only_a_tcr_id_and_an_id_without_that_shape_are_linked() -> None:
    assert rows("ten_dlc_aliases", fact(campaignId=TCR2, tcrCampaignId=TCR)) == {}
    assert rows("ten_dlc_aliases", fact(campaignId=TELNYX, tcrCampaignId="c6x6m95")) == {}
    assert rows("ten_dlc_aliases", fact(brandId="b", tcrBrandId="C6X6M95")) == {}
    assert only("ten_dlc_aliases", fact(phoneNumber="1", brandId="b", tcrBrandId="BBRAND1"))["entity"] == "brand"


# --- brands ----------------------------------------------------------------------------------------------------------


def test_a_brand_has_the_latest_that_is_there_of_each_column() -> None:
    told = [
        fact(1, brandId="b", type="TCR_BRAND_UPDATE", eventType="BRAND_ADD", brandName="One"),
        fact(2, brandId="b", type="REGISTRATION", status="failed", reasons=["why"], brandIdentityStatus="verified"),
        fact(3, brandId="b", type="REVET", status="SUCCESS", description="d", identityStatus="Unverified"),
        fact(4, tcrBrandId="BBRAND1", brandId="b", status="pending"),
    ]
    row = only("brands", *told)
    assert (row["name"], row["registration_status"], row["identity_status"]) == (
        "One",
        "REGISTRATION_FAILED",
        "UNVERIFIED",
    )
    assert (row["vetting_status"], row["last_reason"], row["tcr_brand_id"]) == ("REVET_REQUESTED", "why", "BBRAND1")
    assert row["updated_event_at"] == NOON + timedelta(minutes=4)
    assert rows("brands", campaign(brandId="b", type="REVET")) == {}


@pytest.mark.parametrize(
    ("payload", "registration", "vetting"),
    [
        ({"type": "REGISTRATION", "status": "success"}, "OK", None),
        ({"type": "REGISTRATION"}, None, None),
        ({"type": "x", "eventType": "brand_add"}, "OK", None),
        ({"type": "BRAND_ADD", "status": "FAILED"}, "REGISTRATION_FAILED", None),
        ({"type": "BRAND_ADD", "status": "pending"}, None, None),
        ({"type": "REGISTRATION", "eventType": "REVET"}, None, "REVET_REQUESTED"),
        ({"type": "ORDER_EXTERNAL_VETTING", "status": "failed"}, None, "VETTING_ORDER_FAILED"),
        ({"eventType": "BRAND_REVET"}, None, "REVET_COMPLETED"),
        ({"eventType": "BRAND_APPEAL_ADD", "status": "failed"}, None, "APPEAL_FAILED"),
        ({"eventType": "BRAND_APPEAL_COMPLETE", "status": "success"}, None, "APPEAL_COMPLETED"),
        ({"eventType": "BRAND_APPEAL_ADD", "status": "pending"}, None, None),
    ],
)
def test_words_about_a_brand(payload: Json, registration: str | None, vetting: str | None) -> None:
    row = only("brands", fact(brandId="b", **payload))
    assert (row["registration_status"], row["vetting_status"]) == (registration, vetting)


# --- campaigns -------------------------------------------------------------------------------------------------------


def word(name: str) -> Json:
    return {"type": "TCR_EVENT", "eventType": name}


def at(status: str) -> Json:
    return {"campaignStatus": status}


@pytest.mark.parametrize(
    ("before", "payload", "after"),
    [
        ("MNO_PROVISIONED", {"type": "MNO_REVIEW", "status": "ACCEPTED"}, None),
        ("MNO_PENDING", {"type": "MNO_REVIEW", "status": "accepted"}, "MNO_ACCEPTED"),
        ("MNO_PROVISIONED", {"type": "MNO_REVIEW", "status": "ACCEPTED", "eventType": "CAMPAIGN_ADD"}, None),
        ("MNO_PENDING", {"type": "MNO_REVIEW", "status": "OTHER", "eventType": "CAMPAIGN_ADD"}, "TCR_ACCEPTED"),
        ("MNO_PENDING", {"type": "TELNYX_EVENT", "status": "Dormant"}, "TCR_SUSPENDED"),
        ("MNO_REJECTED", word("CAMPAIGN_NUDGE"), "TCR_ACCEPTED"),
        ("MNO_PENDING", {"type": "CAMPAIGN_NUDGE"}, None),
        ("MNO_REJECTED", word("CAMPAIGN_UPDATE"), None),
        ("TELNYX_FAILED", word("campaign_update"), "TCR_ACCEPTED"),
        ("MNO_ACCEPTED", word("MNO_CAMPAIGN_OPERATION_REVIEW"), None),
        ("MNO_REJECTED", word("MNO_CAMPAIGN_OPERATION_REVIEW"), "MNO_PENDING"),
        ("TCR_EXPIRED", word("MNO_CAMPAIGN_OPERATION_APPROVED"), None),
        ("TCR_EXPIRED", word("MNO_CAMPAIGN_OPERATION_REJECTED"), "MNO_REJECTED"),
        ("MNO_PENDING", word("MNO_CAMPAIGN_OPERATION_UNSUSPENDED"), None),
        ("MNO_PENDING", word("ANY_APPROVED"), None),
        ("MNO_PENDING", {"status": "ACCEPTED"}, None),
        ("MNO_PENDING", {"campaignStatus": "ACTIVE", "type": "VERIFIED"}, "MNO_PROVISIONED"),
        ("MNO_PENDING", {"campaignStatus": " tcr_expired", "type": "VERIFIED"}, "TCR_EXPIRED"),
    ],
)
def test_lines_of_the_status_table(before: str, payload: Json, after: str | None) -> None:
    assert statuses(at(before), payload) == [before] + [status for status in [after] if status]


def test_unsuspended_leads_back_to_where_it_was() -> None:
    suspended, unsuspended = word("MNO_CAMPAIGN_OPERATION_SUSPENDED"), word("MNO_CAMPAIGN_OPERATION_UNSUSPENDED")
    assert statuses(suspended, unsuspended) == ["TCR_SUSPENDED", "MNO_PENDING"]
    assert statuses(at("MNO_ACCEPTED"), suspended, suspended, unsuspended, unsuspended) == [
        *("MNO_ACCEPTED", "TCR_SUSPENDED", "MNO_ACCEPTED")
    ]


def test_transitions_are_numbered_anew_and_say_which_the_vendor_documents() -> None:
    told = [campaign(1, **at("TCR_PENDING")), campaign(3, **at("MNO_PENDING"))]
    assert [row["is_documented"] for row in rows("campaign_transitions", *told).values()] == [True, False]
    found = rows("campaign_transitions", *told, campaign(2, **word("CAMPAIGN_ADD")))
    assert {seq: row["is_documented"] for (_, seq), row in found.items()} == {1: True, 2: True, 3: True}
    assert [row["from_status"] for row in found.values()] == [None, "TCR_PENDING", "TCR_ACCEPTED"]


def test_the_reason_of_a_campaign_is_that_of_its_present_status() -> None:
    rejected = {"type": "MNO_REVIEW", "status": "REJECTED"}
    told = [
        campaign(1, **rejected, description="first"),
        campaign(2, **rejected),
        campaign(3, type="OTHER", description="no status"),
    ]
    row = only("campaigns", *told)
    assert (row["status"], row["reason"], row["previous_status"]) == ("MNO_REJECTED", "first", None)
    assert row["status_at"] == NOON + timedelta(minutes=1)
    row = only("campaigns", *told, campaign(4, type="VERIFIED"))
    assert (row["reason"], row["previous_status"]) == (None, "MNO_REJECTED")


def test_columns_of_a_campaign() -> None:
    told = [
        campaign(1, brandId="BBRAND1", cspId=5, isTMobileRegistered=True, type="NUMBER_POOL_PROVISIONED"),
        campaign(2, isTMobileRegistered="no", type="number_pool_deprovisioned"),
        fact(3, brandId="b", tcrBrandId="BBRAND1"),
    ]
    row = only("campaigns", *told)
    assert (row["brand_id"], row["csp_id"], row["is_t_mobile_registered"]) == ("b", "5", True)
    assert (row["number_pool_provisioned"], row["status"], row["tcr_campaign_id"]) == (False, None, None)


# --- campaign_numbers ------------------------------------------------------------------------------------------------


def test_the_latest_fact_that_the_table_knows_decides_about_a_number() -> None:
    number: Json = {"campaignId": TELNYX, "phoneNumber": "1 (312) 555-0001"}
    told = [
        fact(1, **number, type="ASSIGNMENT", status="success", reasons=["r"]),
        fact(2, **number, type="STATUS_UPDATE", status="success"),
        fact(3, **number, type="ASSIGNMENT", status="ADDED"),
    ]
    row = only("campaign_numbers", *told)
    assert (row["phone_number"], row["status"], row["reasons"]) == ("+13125550001", "ASSIGNED", ["r"])
    assert only("campaign_numbers", *told, fact(4, **number, status="deleted"))["status"] == "UNASSIGNED"
    assert rows("campaign_numbers", *told[1:]) == {}
    moved = fact(5, campaignId=OTHER, phoneNumber=13125550001, type="DELETION", status="failed")
    found = rows("campaign_numbers", *told, moved)
    assert {key: row["status"] for key, row in found.items()} == {
        ("+13125550001", TELNYX): "ASSIGNED",
        ("+13125550001", OTHER): "FAILED_UNASSIGNMENT",
    }
    assert rows("campaigns", *told, moved) == {}
