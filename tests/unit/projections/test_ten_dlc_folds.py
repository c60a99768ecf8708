"""The rows that facts fold to: a campaign and its transitions, and every status of a brand or a number."""

from datetime import timedelta
from itertools import pairwise

import pytest

from projections.tables.ten_dlc.folds import fold_brand, fold_campaign, fold_number
from tests.oracle.ten_dlc.brands import NUMBER_STATUS
from tests.support.projections.ten_dlc_facts import facts, kind
from tests.support.webhooks import builders
from tests.support.webhooks.builders import NOON
from tests.support.webhooks.oracle_rows import only


def test_transitions_have_numbers_and_previous_statuses() -> None:
    stream = facts(
        kind("TCR_EVENT", word="CAMPAIGN_ADD", reason="added"),
        kind("TCR_EVENT", word="CAMPAIGN_BILLED", reason="billed"),
        kind("TCR_EVENT", word="CAMPAIGN_ADD", reason="added again"),
        kind("telnyx_review", "accepted"),
    )
    row, transitions = fold_campaign(stream)
    assert [(transition["seq"], transition["from_status"], transition["to_status"]) for transition in transitions] == [
        (1, None, "TCR_ACCEPTED"),
        (2, "TCR_ACCEPTED", "MNO_PENDING"),
    ]
    assert [transition["reason"] for transition in transitions] == ["added", None]
    last = transitions[-1]
    assert (last["event_key"], last["occurred_at"]) == ("key-003", NOON + timedelta(minutes=3))
    assert (last["payload_type"], last["tcr_event_type"]) == ("telnyx_review", None)
    assert all(before["to_status"] == after["from_status"] for before, after in pairwise(transitions))
    assert (row["status_at"], row["previous_status"], row["reason"]) == (last["occurred_at"], "TCR_ACCEPTED", None)


def test_the_reason_comes_from_the_latest_fact_with_the_status_and_a_reason() -> None:
    rejected = kind("MNO_REVIEW", "REJECTED")
    stream = [rejected | {"reason": "one"}, rejected | {"reason": "two"}, rejected]
    assert fold_campaign(facts(*stream))[0]["reason"] == "two"
    stream += [kind("TCR_EVENT", word="CAMPAIGN_BILLED", reason="billed")]
    assert fold_campaign(facts(*stream))[0]["reason"] == "two"
    stream += [kind("TCR_EVENT", word="CAMPAIGN_NUDGE"), rejected]
    assert fold_campaign(facts(*stream))[0]["reason"] is None
    assert fold_campaign(facts(kind("NOTHING", reason="of nothing")))[0]["reason"] is None


def test_a_campaign_without_a_stated_status() -> None:
    row, transitions = fold_campaign(facts(kind("NUMBER_POOL_PROVISIONED", account="a", csp_id="TNX", brand_id="b")))
    assert transitions == []
    assert row == {
        "account": "a", "brand_id": "b", "csp_id": "TNX", "is_t_mobile_registered": None,
        "number_pool_provisioned": True, "status": None, "previous_status": None, "status_at": None, "reason": None,
        "last_event_key": "key-000",
    }  # fmt: skip


def test_campaign_columns_have_their_latest_known_values() -> None:
    row, _ = fold_campaign(
        facts(
            kind("NUMBER_POOL_PROVISIONED", brand_id="b1", csp_id="one", is_t_mobile_registered=True, account="a"),
            kind("number_pool_deprovisioned", brand_id="b2", is_t_mobile_registered=False, account="b"),
            kind("TCR_EVENT", word="NUMBER_POOL_PROVISIONED", csp_id="two", account="c"),
        )
    )
    assert (row["brand_id"], row["csp_id"], row["account"], row["last_event_key"]) == ("b2", "two", "c", "key-002")
    assert (row["is_t_mobile_registered"], row["number_pool_provisioned"]) == (False, False)


STATUSES = (None, "SUCCESS", "FAILED", "ADDED", "PENDING", "DELETED", "ODD")
BRAND_WORDS = (
    *("REGISTRATION", "BRAND_ADD", "ORDER_EXTERNAL_VETTING", "REVET", "BRAND_REVET", "BRAND_APPEAL_ADD"),
    *("BRAND_APPEAL_COMPLETE", "BRAND_DELETE"),
)


@pytest.mark.parametrize("word", BRAND_WORDS)
def test_a_brand_status_is_that_of_the_oracle(word: str) -> None:
    for status in STATUSES:
        webhook = builders.event("10dlc.brand.update", {"brandId": "b", "type": word, "status": status})
        expected = {name: only("brands", webhook)[name] for name in ("registration_status", "vetting_status")}
        for fact in (kind(word, status), kind("TCR_BRAND_UPDATE", status and status.lower(), word.lower())):
            row = fold_brand(facts(fact))
            assert {name: row[name] for name in expected} == expected, (word, status)
            later = fold_brand(facts(fact, kind("SOMETHING"), kind(word, "odd")))
            assert {name: later[name] for name in expected} == expected, "a status stays until another is stated"


def test_brand_columns_have_their_latest_known_values() -> None:
    row = fold_brand(
        facts(
            kind("BRAND_ADD", brand_name="ACME", identity_status="UNVERIFIED", account="a"),
            kind("REVET", "FAILED", reason="why"),
            kind("REVET", "FAILED"),
            kind("TCR_BRAND_UPDATE", brand_name="ACME Inc.", identity_status="VERIFIED", account="b"),
            kind("REVET", "SUCCESS", reason="all well", account="c"),
        )
    )
    assert row == {
        "account": "c", "name": "ACME Inc.", "registration_status": "OK", "identity_status": "VERIFIED",
        "vetting_status": "REVET_REQUESTED", "last_reason": "why", "updated_event_at": NOON + timedelta(minutes=4),
        "last_event_key": "key-004",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["ASSIGNMENT", "DELETION", "STATUS_UPDATE", "MOVE", None])
def test_a_number_status_is_that_of_the_oracle(name: str | None) -> None:
    for status in STATUSES:
        said, value = (
            kind(name and name.lower(), status and status.lower(), "CAMPAIGN_ADD"),
            NUMBER_STATUS.get((name, status)),
        )
        assert fold_number(facts(said)) == (value and {"status": value, "last_event_key": "key-000"}), (name, status)
        assert fold_number(facts(said, kind(name), kind("ASSIGNMENT", "ADDED"))) == fold_number(facts(said))
