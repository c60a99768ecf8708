"""Folds the facts about one entity, in the order of events, into its rows. Nothing is read or written here.

A fact is a row of ten_dlc_events. Each fold starts from the first fact, so a late fact has the effect that it would
have had in time.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from projections.engine.table import Row
from projections.tables.ten_dlc.status_rules import (
    CAMPAIGN_RULES,
    CAMPAIGN_STATUSES,
    DOCUMENTED_TRANSITIONS,
    NUMBER_POOL,
    NUMBER_STATUS,
    REGISTRATION_STATUS,
    RESUMED,
    VETTING_STATUS,
)

Fact = Mapping[str, Any]


def _type(fact: Fact) -> str | None:
    return _upper(fact["payload_type"])


def _status(fact: Fact) -> str | None:
    return _upper(fact["status"])


def _word(fact: Fact) -> str | None:
    return _upper(fact["tcr_event_type"]) or _type(fact)


def _upper(value: str | None) -> str | None:
    return value.upper() if value else None


def fold_brand(facts: Sequence[Fact]) -> Row:
    """The row of a brand without its ids, from at least one fact."""
    row: Row = dict.fromkeys(("name", "registration_status", "identity_status", "vetting_status", "last_reason"))
    for fact in facts:
        stated = {
            "name": fact["brand_name"],
            "registration_status": REGISTRATION_STATUS.get((_word(fact), _status(fact))),
            "identity_status": fact["identity_status"],
            "vetting_status": VETTING_STATUS.get((_word(fact), _status(fact))),
            "last_reason": fact["reason"] if _status(fact) == "FAILED" else None,
        }
        row.update((name, value) for name, value in stated.items() if value is not None)
    latest = facts[-1]
    return row | {
        "account": latest["account"],
        "updated_event_at": latest["occurred_at"],
        "last_event_key": latest["event_key"],
    }


def fold_campaign(facts: Sequence[Fact]) -> tuple[Row, list[Row]]:
    """The row of a campaign without its ids, and its transitions, from at least one fact."""
    transitions, reason = _transitions(facts)
    last = transitions[-1] if transitions else None
    row: Row = dict.fromkeys(("brand_id", "csp_id", "is_t_mobile_registered", "number_pool_provisioned"))
    for fact in facts:
        stated = {
            "brand_id": fact["brand_id"],
            "csp_id": fact["csp_id"],
            "is_t_mobile_registered": fact["is_t_mobile_registered"],
            "number_pool_provisioned": NUMBER_POOL.get(_type(fact) or ""),
        }
        row.update((name, value) for name, value in stated.items() if value is not None)
    row |= {
        "account": facts[-1]["account"],
        "last_event_key": facts[-1]["event_key"],
        "status": last and last["to_status"],
        "previous_status": last and last["from_status"],
        "status_at": last and last["occurred_at"],
        "reason": reason,
    }
    return row, transitions


def _transitions(facts: Sequence[Fact]) -> tuple[list[Row], str | None]:
    """Every change of status, and the latest reason that a fact gave for the last status."""
    transitions: list[Row] = []
    status = before = reason = None  # `before` is the status before the present one
    for fact in facts:
        stated = _stated(fact, status, before)
        if stated is not None and stated != status:
            transitions.append(_transition(len(transitions) + 1, status, stated, fact))
            before, status, reason = status, stated, fact["reason"]
        elif stated is not None:
            reason = fact["reason"] or reason
    return transitions, reason


def _transition(seq: int, from_status: str | None, to_status: str, fact: Fact) -> Row:
    kept = ("event_key", "occurred_at", "payload_type", "tcr_event_type", "reason")
    return {
        "seq": seq,
        "from_status": from_status,
        "to_status": to_status,
        "is_documented": to_status in DOCUMENTED_TRANSITIONS.get(from_status, ()),
        **{name: fact[name] for name in kept},
    }


def _stated(fact: Fact, status: str | None, before: str | None) -> str | None:
    """The status that a fact states for a campaign that is at `status`, or None."""
    if fact["campaign_status"] in CAMPAIGN_STATUSES:
        stated: str = fact["campaign_status"]
        return stated
    kind, word, outcome = _type(fact), _word(fact), _status(fact)
    for rule in CAMPAIGN_RULES:
        if rule.type in (None, kind) and rule.word in (None, word) and rule.status in (None, outcome):
            if status in rule.unless_at or (rule.only_at and status not in rule.only_at):
                return None
            return (before or "MNO_PENDING") if rule.new_status == RESUMED else rule.new_status
    return None


def fold_number(facts: Sequence[Fact]) -> Row | None:
    """The status of a number in a campaign, and the fact that gave it. None if no fact gives one."""
    for fact in reversed(facts):
        status = NUMBER_STATUS.get((_type(fact), _status(fact)))
        if status is not None:
            return {"status": status, "last_event_key": fact["event_key"]}
    return None
