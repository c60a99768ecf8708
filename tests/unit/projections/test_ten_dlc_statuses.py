"""Every line of the status table of campaigns of docs/semantics.md, section 7, written out here a second time."""

from collections.abc import Sequence

import pytest

from projections.tables.ten_dlc.folds import fold_campaign
from projections.tables.ten_dlc.status_rules import CAMPAIGN_STATUSES
from tests.support.projections.ten_dlc_facts import Fact, facts, kind

STATUSES = (
    "TCR_PENDING", "TCR_ACCEPTED", "TCR_FAILED", "TCR_SUSPENDED", "TCR_EXPIRED", "TELNYX_ACCEPTED", "TELNYX_FAILED",
    "MNO_PENDING", "MNO_ACCEPTED", "MNO_REJECTED", "MNO_PROVISIONED", "MNO_PROVISIONING_FAILED",
)  # fmt: skip
AT = (None, *STATUSES)


def at(status: str | None) -> list[Fact]:
    return [] if status is None else [{"campaign_status": status}]


def after(status: str | None, fact: Fact) -> str | None:
    """The status that a fact leads to from this one."""
    row, _ = fold_campaign(facts(*at(status), fact))
    result: str | None = row["status"]
    return result


def test_the_statuses_are_those_of_the_vendor() -> None:
    assert set(STATUSES) == CAMPAIGN_STATUSES


@pytest.mark.parametrize("status", STATUSES)
def test_a_campaign_status_counts_before_everything_else(status: str) -> None:
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
    (
        kind("CAMPAIGN_NUDGE"),
        "TCR_ACCEPTED",
        [status for status in AT if status not in ("TELNYX_FAILED", "MNO_REJECTED")],
    ),
    (
        kind("TCR_EVENT", word="CAMPAIGN_NUDGE"),
        "TCR_ACCEPTED",
        [status for status in AT if status not in ("TELNYX_FAILED", "MNO_REJECTED")],
    ),
    (kind("TCR_EVENT", word="CAMPAIGN_UPDATE"), "TCR_ACCEPTED", [status for status in AT if status != "TELNYX_FAILED"]),
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
def test_other_facts_state_no_status(fact: Fact) -> None:
    assert [after(before, fact) for before in AT] == list(AT)


UNSUSPENDED = kind("TCR_EVENT", word="MNO_CAMPAIGN_OPERATION_UNSUSPENDED")
DORMANT = kind("TELNYX_EVENT", "DORMANT")


@pytest.mark.parametrize("before", [status for status in STATUSES if status != "TCR_SUSPENDED"])
def test_unsuspended_returns_to_the_status_before_the_suspension(before: str) -> None:
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
    path = [transition["to_status"] for transition in transitions]
    assert path == [
        "MNO_PROVISIONED", "TCR_SUSPENDED", "MNO_PROVISIONED", "MNO_PENDING", "TCR_SUSPENDED", "MNO_PENDING",
    ]  # fmt: skip
    assert (row["status"], row["previous_status"]) == ("MNO_PENDING", "TCR_SUSPENDED")


DOCUMENTED = """
None TCR_PENDING, None TCR_ACCEPTED, None TCR_FAILED, TCR_PENDING TCR_ACCEPTED, TCR_PENDING TCR_FAILED,
TCR_ACCEPTED MNO_PENDING, TCR_ACCEPTED TELNYX_FAILED, TCR_ACCEPTED TCR_SUSPENDED,
MNO_PENDING MNO_ACCEPTED, MNO_PENDING MNO_PROVISIONED, MNO_PENDING MNO_REJECTED,
MNO_ACCEPTED MNO_PROVISIONED, MNO_ACCEPTED MNO_REJECTED, TELNYX_FAILED TCR_ACCEPTED,
MNO_REJECTED TCR_ACCEPTED, MNO_REJECTED MNO_PENDING, MNO_PROVISIONED TCR_SUSPENDED, MNO_PROVISIONED TCR_EXPIRED
"""


def test_only_these_transitions_are_documented() -> None:
    documented = set()
    for before in AT:
        for to in STATUSES:
            _, transitions = fold_campaign(facts(*at(before), *at(to)))
            if to != before and transitions[-1]["is_documented"]:
                documented.add(f"{before} {to}")
    assert documented == {" ".join(pair.split()) for pair in DOCUMENTED.split(",")}
