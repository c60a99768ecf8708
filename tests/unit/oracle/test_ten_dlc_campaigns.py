"""The second computation of campaigns against cases worked out by hand from docs/semantics.md, section 7."""

from datetime import timedelta

import pytest

from tests.support.webhooks.builders import NOON, Json
from tests.support.webhooks.oracle_rows import only, rows
from tests.support.webhooks.ten_dlc import campaign, fact


def statuses(*payloads: Json) -> list[str]:
    """What one campaign goes through."""
    found = rows("campaign_transitions", *(campaign(minute, **payload) for minute, payload in enumerate(payloads)))
    return [row["to_status"] for row in found.values()]


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
