"""Every line of the tables of semantics section 7, written out here a second time."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from projections.ten_dlc_folds import fold_brand, fold_campaign, fold_number
from projections.ten_dlc_states import CAMPAIGN_STATUSES
from tests.builders import NOON

Fact = dict[str, Any]
COLUMNS = (
    "account", "payload_type", "tcr_event_type", "status", "reason", "campaign_status", "brand_id", "csp_id",
    "is_t_mobile_registered", "brand_name", "identity_status",
)  # fmt: skip
STATUSES = (
    "TCR_PENDING", "TCR_ACCEPTED", "TCR_FAILED", "TCR_SUSPENDED", "TCR_EXPIRED", "TELNYX_ACCEPTED", "TELNYX_FAILED",
    "MNO_PENDING", "MNO_ACCEPTED", "MNO_REJECTED", "MNO_PROVISIONED", "MNO_PROVISIONING_FAILED",
)  # fmt: skip
AT = (None, *STATUSES)


def facts(*said: Fact) -> list[Fact]:
    """Facts one minute apart."""
    return [
        {
            **dict.fromkeys(COLUMNS),
            "occurred_at": NOON + timedelta(minutes=number),
            "event_key": f"key-{number:03}",
            **one,
        }
        for number, one in enumerate(said)
    ]


def kind(name: str | None = None, status: str | None = None, word: str | None = None, **more: Any) -> Fact:
    return {"payload_type": name, "status": status, "tcr_event_type": word, **more}


def at(status: str | None) -> list[Fact]:
    return [] if status is None else [{"campaign_status": status}]


def after(status: str | None, fact: Fact) -> str | None:
    """The status that a fact leads to from this one."""
    row, _ = fold_campaign(facts(*at(status), fact))
    result: str | None = row["status"]
    return result


def test_the_statuses_are_the_vendors() -> None:
    assert set(STATUSES) == CAMPAIGN_STATUSES


@pytest.mark.parametrize("status", STATUSES)
def test_a_campaign_status_is_stated_whatever_else_is_said(status: str) -> None:
    for before in AT:
        assert after(before, kind("REGISTRATION", "FAILED", "VERIFIED", campaign_status=status)) == status


# fact, status that it states, statuses where it states nothing
STATED: list[tuple[Fact, str, Sequence[str | None]]] = [
    (kind("REGISTRATION", "FAILED"), "TCR_FAILED", ()),
    (kind("telnyx_review", "accepted"), "MNO_PENDING", ()),
    (kind("TELNYX_REVIEW", "REJECTED"), "TELNYX_FAILED", ()),
    (kind("MNO_REVIEW", "ACCEPTED"), "MNO_ACCEPTED", ("MNO_PROVISIONED",)),
    (kind("MNO_REVIEW", "rejected"), "MNO_REJECTED", ()),
    (kind("TELNYX_EVENT", "DORMANT"), "TCR_SUSPENDED", ()),
    (kind("VERIFIED"), "MNO_PROVISIONED", ()),
    (kind("TCR_EVENT", word="CAMPAIGN_ADD"), "TCR_ACCEPTED", ()),
    (kind("TCR_EVENT", word="campaign_expired"), "TCR_EXPIRED", ()),
    (kind("TCR_EVENT", word="CAMPAIGN_RESUBMISSION"), "TCR_PENDING", ()),
    (kind("CAMPAIGN_NUDGE"), "TCR_ACCEPTED", [one for one in AT if one not in ("TELNYX_FAILED", "MNO_REJECTED")]),
    (
        kind("TCR_EVENT", word="CAMPAIGN_NUDGE"),
        "TCR_ACCEPTED",
        [one for one in AT if one not in ("TELNYX_FAILED", "MNO_REJECTED")],
    ),
    (kind("TCR_EVENT", word="CAMPAIGN_UPDATE"), "TCR_ACCEPTED", [one for one in AT if one != "TELNYX_FAILED"]),
    (
        kind("TCR_EVENT", word="MNO_CAMPAIGN_OPERATION_REVIEW"),
        "MNO_PENDING",
        ("MNO_ACCEPTED", "MNO_PROVISIONED", "TCR_SUSPENDED", "TCR_EXPIRED"),
    ),
    (
        kind("TCR_EVENT", word="MNO_CAMPAIGN_OPERATION_APPROVED"),
        "MNO_ACCEPTED",
        ("MNO_PROVISIONED", "TCR_SUSPENDED", "TCR_EXPIRED"),
    ),
    (kind("TCR_EVENT", word="MNO_CAMPAIGN_OPERATION_REJECTED"), "MNO_REJECTED", ()),
    (kind("TCR_EVENT", word="MNO_CAMPAIGN_OPERATION_SUSPENDED"), "TCR_SUSPENDED", ()),
    # the first rule that fits decides
    (kind("MNO_REVIEW", "ACCEPTED", "VERIFIED"), "MNO_ACCEPTED", ("MNO_PROVISIONED",)),
    (kind("REGISTRATION", "SUCCESS", "CAMPAIGN_ADD"), "TCR_ACCEPTED", ()),
    (kind(None, None, "VERIFIED"), "MNO_PROVISIONED", ()),
    (kind("TELNYX_REVIEW", "ACCEPTED", campaign_status="ACTIVE"), "MNO_PENDING", ()),
]


@pytest.mark.parametrize(("fact", "states", "nothing_at"), STATED)
def test_a_line_of_the_status_table(fact: Fact, states: str, nothing_at: Sequence[str | None]) -> None:
    assert {before: after(before, fact) for before in AT} == {
        before: before if before in nothing_at else states for before in AT
    }


@pytest.mark.parametrize(
    "fact",
    [
        kind("TCR_EVENT", word="CAMPAIGN_BILLED"),
        kind("TCR_EVENT", word="CAMPAIGN_DCA_COMPLETE"),
        kind("NUMBER_POOL_PROVISIONED"),
        kind("NUMBER_POOL_DEPROVISIONED"),
        kind("SOMETHING_NEW", "FAILED"),
        kind(None, "REJECTED"),
        kind(campaign_status="ACTIVE"),
        kind(campaign_status="REJECTED"),
        kind("VERIFIED", word="CAMPAIGN_BILLED"),
        kind("REGISTRATION", "SUCCESS"),
        kind("TELNYX_REVIEW", "DORMANT"),
        kind("MNO_REVIEW"),
        kind("TELNYX_EVENT"),
        kind("TCR_EVENT", word="ANYTHING_APPROVED"),
        kind(),
    ],
)
def test_everything_else_states_nothing(fact: Fact) -> None:
    assert [after(before, fact) for before in AT] == list(AT)


UNSUSPENDED = kind("TCR_EVENT", word="MNO_CAMPAIGN_OPERATION_UNSUSPENDED")
DORMANT = kind("TELNYX_EVENT", "DORMANT")


@pytest.mark.parametrize("before", [one for one in STATUSES if one != "TCR_SUSPENDED"])
def test_unsuspended_leads_back_to_where_it_was_suspended(before: str) -> None:
    row, _ = fold_campaign(facts(*at(before), DORMANT, DORMANT, kind("NUMBER_POOL_PROVISIONED"), UNSUSPENDED))
    assert row["status"] == before
    assert after(before, UNSUSPENDED) == before


def test_unsuspended_without_a_status_before_waits_for_the_carriers() -> None:
    assert fold_campaign(facts(DORMANT, UNSUSPENDED))[0]["status"] == "MNO_PENDING"
    assert fold_campaign(facts(UNSUSPENDED))[0]["status"] is None


def test_unsuspended_twice_and_suspended_again() -> None:
    row, transitions = fold_campaign(
        facts(kind("VERIFIED"), DORMANT, UNSUSPENDED, UNSUSPENDED, *at("MNO_PENDING"), DORMANT, UNSUSPENDED)
    )
    path = [one["to_status"] for one in transitions]
    assert path == [
        "MNO_PROVISIONED",
        "TCR_SUSPENDED",
        "MNO_PROVISIONED",
        "MNO_PENDING",
        "TCR_SUSPENDED",
        "MNO_PENDING",
    ]
    assert (row["status"], row["previous_status"]) == ("MNO_PENDING", "TCR_SUSPENDED")


DOCUMENTED = """
None TCR_PENDING, None TCR_ACCEPTED, None TCR_FAILED, TCR_PENDING TCR_ACCEPTED, TCR_PENDING TCR_FAILED,
TCR_ACCEPTED MNO_PENDING, TCR_ACCEPTED TELNYX_FAILED, TCR_ACCEPTED TCR_SUSPENDED,
MNO_PENDING MNO_ACCEPTED, MNO_PENDING MNO_PROVISIONED, MNO_PENDING MNO_REJECTED,
MNO_ACCEPTED MNO_PROVISIONED, MNO_ACCEPTED MNO_REJECTED, TELNYX_FAILED TCR_ACCEPTED,
MNO_REJECTED TCR_ACCEPTED, MNO_REJECTED MNO_PENDING, MNO_PROVISIONED TCR_SUSPENDED, MNO_PROVISIONED TCR_EXPIRED
"""


def test_exactly_these_transitions_are_documented() -> None:
    documented = set()
    for before in AT:
        for to in STATUSES:
            _, transitions = fold_campaign(facts(*at(before), *at(to)))
            if to != before and transitions[-1]["is_documented"]:
                documented.add(f"{before} {to}")
    assert documented == {" ".join(pair.split()) for pair in DOCUMENTED.split(",")}


def test_transitions_are_numbered_and_say_where_they_come_from() -> None:
    stream = facts(
        kind("TCR_EVENT", word="CAMPAIGN_ADD", reason="added"),
        kind("TCR_EVENT", word="CAMPAIGN_BILLED", reason="billed"),
        kind("TCR_EVENT", word="CAMPAIGN_ADD", reason="added again"),
        kind("telnyx_review", "accepted"),
    )
    row, transitions = fold_campaign(stream)
    assert [(one["seq"], one["from_status"], one["to_status"]) for one in transitions] == [
        (1, None, "TCR_ACCEPTED"),
        (2, "TCR_ACCEPTED", "MNO_PENDING"),
    ]
    assert [one["reason"] for one in transitions] == ["added", None]
    last = transitions[-1]
    assert (last["event_key"], last["occurred_at"]) == ("key-003", NOON + timedelta(minutes=3))
    assert (last["payload_type"], last["tcr_event_type"]) == ("telnyx_review", None)
    assert all(one["to_status"] == two["from_status"] for one, two in pairwise(transitions))
    assert (row["status_at"], row["previous_status"], row["reason"]) == (last["occurred_at"], "TCR_ACCEPTED", None)


def test_the_reason_is_of_the_latest_fact_that_stated_the_status_and_has_one() -> None:
    rejected = kind("MNO_REVIEW", "REJECTED")
    stream = [rejected | {"reason": "one"}, rejected | {"reason": "two"}, rejected]
    assert fold_campaign(facts(*stream))[0]["reason"] == "two"
    stream += [kind("TCR_EVENT", word="CAMPAIGN_BILLED", reason="billed")]
    assert fold_campaign(facts(*stream))[0]["reason"] == "two"
    stream += [kind("TCR_EVENT", word="CAMPAIGN_NUDGE"), rejected]
    assert fold_campaign(facts(*stream))[0]["reason"] is None
    assert fold_campaign(facts(kind("NOTHING", reason="of nothing")))[0]["reason"] is None


def test_a_campaign_that_nobody_stated_a_status_of() -> None:
    row, transitions = fold_campaign(facts(kind("NUMBER_POOL_PROVISIONED", account="a", csp_id="TNX", brand_id="b")))
    assert transitions == []
    assert row == {
        "account": "a", "brand_id": "b", "csp_id": "TNX", "is_t_mobile_registered": None,
        "number_pool_provisioned": True, "status": None, "previous_status": None, "status_at": None, "reason": None,
        "last_event_key": "key-000",
    }  # fmt: skip


def test_columns_of_a_campaign_are_the_latest_that_say_something() -> None:
    row, _ = fold_campaign(
        facts(
            kind("NUMBER_POOL_PROVISIONED", brand_id="b1", csp_id="one", is_t_mobile_registered=True, account="a"),
            kind("number_pool_deprovisioned", brand_id="b2", is_t_mobile_registered=False, account="b"),
            kind("TCR_EVENT", word="NUMBER_POOL_PROVISIONED", csp_id="two", account="c"),
        )
    )
    assert (row["brand_id"], row["csp_id"], row["account"], row["last_event_key"]) == ("b2", "two", "c", "key-002")
    assert (row["is_t_mobile_registered"], row["number_pool_provisioned"]) == (False, False)


BRAND_WORDS = [
    ("registration_status", "REGISTRATION", "SUCCESS", "OK"),
    ("registration_status", "REGISTRATION", "FAILED", "REGISTRATION_FAILED"),
    ("registration_status", "REGISTRATION", None, None),
    ("registration_status", "BRAND_ADD", "SUCCESS", "OK"),
    ("registration_status", "BRAND_ADD", "FAILED", "REGISTRATION_FAILED"),
    ("registration_status", "BRAND_ADD", None, "OK"),
    ("registration_status", "BRAND_ADD", "PENDING", None),
    ("vetting_status", "ORDER_EXTERNAL_VETTING", "SUCCESS", "VETTING_ORDERED"),
    ("vetting_status", "ORDER_EXTERNAL_VETTING", None, "VETTING_ORDERED"),
    ("vetting_status", "ORDER_EXTERNAL_VETTING", "FAILED", "VETTING_ORDER_FAILED"),
    ("vetting_status", "REVET", "SUCCESS", "REVET_REQUESTED"),
    ("vetting_status", "REVET", None, "REVET_REQUESTED"),
    ("vetting_status", "REVET", "FAILED", "REVET_FAILED"),
    ("vetting_status", "BRAND_REVET", "SUCCESS", "REVET_COMPLETED"),
    ("vetting_status", "BRAND_REVET", None, "REVET_COMPLETED"),
    ("vetting_status", "BRAND_REVET", "FAILED", "REVET_FAILED"),
    ("vetting_status", "BRAND_APPEAL_ADD", "SUCCESS", "APPEAL_PENDING"),
    ("vetting_status", "BRAND_APPEAL_ADD", None, "APPEAL_PENDING"),
    ("vetting_status", "BRAND_APPEAL_ADD", "FAILED", "APPEAL_FAILED"),
    ("vetting_status", "BRAND_APPEAL_COMPLETE", "SUCCESS", "APPEAL_COMPLETED"),
    ("vetting_status", "BRAND_APPEAL_COMPLETE", None, "APPEAL_COMPLETED"),
    ("vetting_status", "BRAND_APPEAL_COMPLETE", "FAILED", "APPEAL_FAILED"),
    ("vetting_status", "BRAND_APPEAL_COMPLETE", "ODD", None),
    ("vetting_status", "BRAND_DELETE", "SUCCESS", None),
]


@pytest.mark.parametrize(("column", "word", "status", "value"), BRAND_WORDS)
def test_a_word_about_a_brand(column: str, word: str, status: str | None, value: str | None) -> None:
    lower = status and status.lower()
    other = {"registration_status": "vetting_status", "vetting_status": "registration_status"}[column]
    for fact in (kind(word, status), kind("TCR_BRAND_UPDATE", lower, word.lower())):
        row = fold_brand(facts(fact))
        assert (row[column], row[other]) == (value, None)
    assert fold_brand(facts(kind(word, status), kind("SOMETHING"), kind(word, "odd")))[column] == value


def test_columns_of_a_brand_are_the_latest_that_say_something() -> None:
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


NUMBER_WORDS = [
    ("ASSIGNMENT", "SUCCESS", "ASSIGNED"),
    ("ASSIGNMENT", "FAILED", "FAILED_ASSIGNMENT"),
    ("DELETION", "SUCCESS", "UNASSIGNED"),
    ("DELETION", "FAILED", "FAILED_UNASSIGNMENT"),
    ("STATUS_UPDATE", "ADDED", "ASSIGNED"),
    ("STATUS_UPDATE", "PENDING", "PENDING"),
    ("STATUS_UPDATE", "DELETED", "UNASSIGNED"),
    ("STATUS_UPDATE", "FAILED", "FAILED"),
    (None, "ADDED", "ASSIGNED"),
    (None, "PENDING", "PENDING"),
    (None, "DELETED", "UNASSIGNED"),
    (None, "FAILED", "FAILED"),
]


@pytest.mark.parametrize(("name", "status", "value"), NUMBER_WORDS)
def test_a_word_about_a_number(name: str | None, status: str, value: str) -> None:
    said = kind(name and name.lower(), status.lower(), "CAMPAIGN_ADD")
    assert fold_number(facts(said)) == {"status": value, "last_event_key": "key-000"}
    assert fold_number(facts(said, kind(name), kind("ASSIGNMENT", "ADDED"))) == fold_number(facts(said))


@pytest.mark.parametrize(
    ("name", "status"),
    [("ASSIGNMENT", "ADDED"), ("STATUS_UPDATE", "SUCCESS"), (None, "SUCCESS"), (None, None), ("MOVE", "FAILED")],
)
def test_other_words_make_no_number(name: str | None, status: str | None) -> None:
    assert fold_number(facts(kind(name, status))) is None
