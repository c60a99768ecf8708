"""The status of a campaign after any fact is the oracle's, which writes docs/semantics.md, section 7, a second time."""

from itertools import product
from typing import Any

import pytest

from projections.tables.ten_dlc.folds import fold_campaign
from projections.tables.ten_dlc.status_rules import CAMPAIGN_STATUSES
from tests.oracle import bodies
from tests.oracle.ten_dlc import facts as oracle_facts
from tests.oracle.ten_dlc.campaigns import DOCUMENTED, STATUSES, stated
from tests.support.projections.ten_dlc_facts import Fact, facts, kind
from tests.support.webhooks import builders
from tests.support.webhooks.oracle_rows import delivery

AT = (None, *STATUSES)
OPERATIONS = ("APPROVED", "REJECTED", "REVIEW", "SUSPENDED", "UNSUSPENDED")
WORDS = (
    *("CAMPAIGN_ADD", "campaign_expired", "CAMPAIGN_RESUBMISSION", "CAMPAIGN_NUDGE", "CAMPAIGN_UPDATE"),
    *("CAMPAIGN_BILLED", "CAMPAIGN_DCA_COMPLETE", "ANYTHING_APPROVED", "VERIFIED", None),
    *(f"MNO_CAMPAIGN_OPERATION_{operation}" for operation in OPERATIONS),
)
TYPES = (
    *("REGISTRATION", "telnyx_review", "MNO_REVIEW", "TELNYX_EVENT", "TCR_EVENT", "VERIFIED", "CAMPAIGN_NUDGE"),
    *("NUMBER_POOL_PROVISIONED", "NUMBER_POOL_DEPROVISIONED", "SOMETHING_NEW", None),
)
SAID = (None, "accepted", "REJECTED", "FAILED", "SUCCESS", "DORMANT")


def at(status: str | None) -> list[Fact]:
    return [] if status is None else [{"campaign_status": status}]


def after(status: str | None, fact: Fact, *, before: str | None = None) -> Any:
    """The status that a fact leads to from this one, which was entered from the one before."""
    return fold_campaign(facts(*at(before), *at(status), fact))[0]["status"]


def by_the_oracle(fact: Fact) -> oracle_facts.Fact:
    names = {"payload_type": "type", "tcr_event_type": "eventType", "campaign_status": "campaignStatus"}
    payload = {names.get(name, name): value for name, value in fact.items()}
    event = bodies.read(delivery(builders.event("10dlc.campaign.update", payload)))
    assert isinstance(event, bodies.Event)
    return oracle_facts.Fact(event, "campaign")


def test_the_statuses_are_those_of_the_vendor() -> None:
    assert set(STATUSES) == CAMPAIGN_STATUSES


@pytest.mark.parametrize("type_", TYPES)
def test_any_fact_leads_to_the_status_of_the_oracle(type_: str | None) -> None:
    said = [kind(type_, status, word) for status, word in product(SAID, WORDS)]
    said += [kind(type_, "FAILED", "VERIFIED", campaign_status=status) for status in (*STATUSES, "ACTIVE", "REJECTED")]
    steps = [
        *((None, now) for now in AT),
        *((before, "TCR_SUSPENDED") for before in STATUSES if before != "TCR_SUSPENDED"),
    ]
    for fact in said:
        theirs = by_the_oracle(fact)
        for before, now in steps:
            assert after(now, fact, before=before) == (stated(theirs, now, before) or now), (before, now, fact)


UNSUSPENDED = kind("TCR_EVENT", word="MNO_CAMPAIGN_OPERATION_UNSUSPENDED")
DORMANT = kind("TELNYX_EVENT", "DORMANT")


@pytest.mark.parametrize("before", [status for status in STATUSES if status != "TCR_SUSPENDED"])
def test_unsuspended_returns_to_the_status_before_the_suspension(before: str) -> None:
    row, _ = fold_campaign(facts(*at(before), DORMANT, DORMANT, kind("NUMBER_POOL_PROVISIONED"), UNSUSPENDED))
    assert row["status"] == before
    assert after(before, UNSUSPENDED) == before


def test_unsuspended_twice_and_suspended_again() -> None:
    row, transitions = fold_campaign(
        facts(kind("VERIFIED"), DORMANT, UNSUSPENDED, UNSUSPENDED, *at("MNO_PENDING"), DORMANT, UNSUSPENDED)
    )
    path = [transition["to_status"] for transition in transitions]
    assert path == [
        "MNO_PROVISIONED", "TCR_SUSPENDED", "MNO_PROVISIONED", "MNO_PENDING", "TCR_SUSPENDED", "MNO_PENDING",
    ]  # fmt: skip
    assert (row["status"], row["previous_status"]) == ("MNO_PENDING", "TCR_SUSPENDED")


def test_only_these_transitions_are_documented() -> None:
    found: dict[str | None, set[str]] = {before: set() for before in DOCUMENTED}
    for before, to in product(AT, STATUSES):
        _, transitions = fold_campaign(facts(*at(before), *at(to)))
        if to != before and transitions[-1]["is_documented"]:
            found[before].add(to)
    assert found == {before: set(documented) for before, documented in DOCUMENTED.items()}
