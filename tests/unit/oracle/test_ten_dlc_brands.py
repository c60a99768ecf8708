"""The second computation of brands and numbers against cases worked out by hand from docs/semantics.md, section 7."""

from datetime import timedelta

import pytest

from tests.support.webhooks.builders import NOON, Json
from tests.support.webhooks.oracle_rows import only, rows
from tests.support.webhooks.ten_dlc import OTHER, TELNYX, campaign, fact


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
