"""docs/semantics.md, section 10: every view, from the rows of the tables and the moment of reading.

`pipeline_lag` is the exception: the database sets `recorded_at`, so the times are an argument.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from typing import Any

from tests.oracle.bodies import Event
from tests.oracle.opt_outs import opt_outs_as_of
from tests.oracle.rows import Row, Rows
from tests.oracle.tables import FOLDS
from tests.oracle.views.area_codes import is_toll_free

DELIVERED = {"delivered", "read"}
FAILED = {"sending_failed", "delivery_failed", "expired", "failed", "cancelled", "gw_timeout"}
CLASSES = ("delivered", "failed", "unconfirmed", "pending")
SPAM = {"40002", "40003", "40015", "40017"}
IS_ASSIGNED = {"ASSIGNED", "FAILED_UNASSIGNMENT"}
TOLL_FREE_WORDS = {"STOP", "START", "UNSTOP"}
JUST_BEFORE = timedelta(microseconds=1)
DAY = timedelta(hours=24)
EXACT = Context(prec=1000)

Groups = dict[tuple[Any, ...], list[dict[str, Any]]]


@dataclass(frozen=True)
class Ledger:
    """The input of the views."""

    events: Sequence[Event]
    now: datetime
    error_codes: Mapping[str, tuple[str, str | None]]
    tables: Mapping[str, Sequence[dict[str, Any]]]

    @property
    def deliveries(self) -> Sequence[dict[str, Any]]:
        return self.tables["message_deliveries"]


def ledger(events: Sequence[Event], now: datetime, error_codes: Mapping[str, tuple[str, str | None]]) -> Ledger:
    """`error_codes` gives title and category."""
    tables: dict[str, Sequence[Row]] = {name: list(fold(events).values()) for name, fold in FOLDS.items()}
    return Ledger(events, now, error_codes, tables)


# --- deliveries ------------------------------------------------------------------------------------------------------


def delivery_class(row: Mapping[str, Any]) -> str:
    if row["status"] in DELIVERED:
        return "delivered"
    if row["status"] in FAILED:
        return "failed"
    return "unconfirmed" if row["is_final"] else "pending"


def time_of(row: Mapping[str, Any]) -> datetime:
    at: datetime = row["sent_at"] or row["first_event_at"]
    return at.astimezone(UTC)


def by_class(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    classes = [delivery_class(row) for row in rows]
    return {"messages": len(classes)} | {name: classes.count(name) for name in CLASSES}


def total(amounts: Iterable[Any]) -> Any:
    # Ambiguous: the sum of amounts none of which is known is not known, rather than 0.
    known = [amount for amount in amounts if amount is not None]
    if not known:
        return None
    whole = known[0]
    for amount in known[1:]:
        whole = EXACT.add(whole, amount) if isinstance(whole, Decimal) else whole + amount
    return whole


def grouped(rows: Iterable[dict[str, Any]], key: Callable[[dict[str, Any]], tuple[Any, ...]]) -> Groups:
    groups: Groups = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups


def delivery_hourly(known: Ledger) -> Rows:
    def key(row: dict[str, Any]) -> tuple[Any, ...]:
        hour = time_of(row).replace(minute=0, second=0, microsecond=0)
        return (row["account"], row["messaging_profile_id"], hour)

    return {
        (account, profile, hour): {"account": account, "messaging_profile_id": profile, "hour": hour}
        | by_class(rows)
        | {name: total(row[name] for row in rows) for name in ("parts", "cost_amount")}
        for (account, profile, hour), rows in grouped(known.deliveries, key).items()
    }


def delivery_by_carrier_daily(known: Ledger) -> Rows:
    def key(row: dict[str, Any]) -> tuple[Any, ...]:
        return (row["account"], row["carrier"], row["line_type"], time_of(row).date())

    names = ("account", "carrier", "line_type", "day")
    return {
        found: dict(zip(names, found, strict=True)) | by_class(rows)
        for found, rows in grouped(known.deliveries, key).items()
    }


def error_breakdown_daily(known: Ledger) -> Rows:
    found: Groups = defaultdict(list)
    for row in known.deliveries:
        for code in row["error_codes"]:
            found[row["account"], code, row["status_at"].astimezone(UTC).date()].append(row)
    rows: Rows = {}
    for (account, code, day), held in found.items():
        title, category = known.error_codes.get(code, (None, None))
        names: Row = {"account": account, "error_code": code, "day": day, "title": title, "category": category}
        rows[account, code, day] = names | {"messages": len(held)}
    return rows


def stuck_messages(known: Ledger) -> Rows:
    return {
        (row["message_id"], row["recipient"]): {
            name: row[name] for name in ("message_id", "recipient", "account", "sender", "carrier", "sent_at")
        }
        for row in known.deliveries
        if not row["is_final"] and row["sent_at"] is not None and row["sent_at"] < known.now - DAY
    }


# --- consent ---------------------------------------------------------------------------------------------------------


def opt_out_daily(known: Ledger) -> Rows:
    def key(row: dict[str, Any]) -> tuple[Any, ...]:
        return (row["account"], row["messaging_profile_id"], row["occurred_at"].astimezone(UTC).date())

    def count(rows: Sequence[dict[str, Any]], action: str) -> int:
        return sum(row["action"] == action and row["basis"] != "blocked_send" for row in rows)

    return {
        (account, profile, day): {
            "account": account,
            "messaging_profile_id": profile,
            "day": day,
            "opt_outs": count(rows, "opt_out"),
            "opt_ins": count(rows, "opt_in"),
            "helps": count(rows, "help"),
            "blocked_sends": sum(row["basis"] == "blocked_send" for row in rows),
        }
        for (account, profile, day), rows in grouped(known.tables["opt_out_events"], key).items()
    }


def opt_out_violations(known: Ledger) -> Rows:
    rows: Rows = {}
    for row in known.deliveries:
        if row["sent_at"] is None or "40300" in row["error_codes"]:
            continue
        stood = _stood_opted_out(known, row)
        if stood is not None:
            rows[row["message_id"], row["recipient"]] = _violation(known, row, stood)
    return rows


def _stood_opted_out(known: Ledger, row: Mapping[str, Any]) -> Mapping[str, Any] | None:
    before = opt_outs_as_of(known.events, row["sent_at"] - JUST_BEFORE)
    # Ambiguous: opted out of both, the row's own profile is the one that is shown.
    # Ambiguous: "in the same account" is asked of '' alone, which every account has; the account of a row of opt_outs
    # is that of its deciding event.
    own = before.get((row["messaging_profile_id"] or "", row["recipient"]))
    none = before.get(("", row["recipient"]))
    for state in (own, none):
        if state is not None and state["opted_out"]:
            is_same_account = state["messaging_profile_id"] != "" or state["account"] == row["account"]
            if is_same_account:
                return state
    return None


def _violation(known: Ledger, row: Mapping[str, Any], stood: Mapping[str, Any]) -> Row:
    [received_at] = {event.delivery.received_at for event in known.events if event.key == stood["last_event_key"]}
    after = row["sent_at"] - stood["changed_at"]
    # Ambiguous: "a STOP" is the deciding event where that is a message of the person; a refused send is none. The five
    # minutes include their end.
    is_confirmation = (
        stood["basis"] != "blocked_send"
        and row["sender"] is not None
        and row["sender"] == stood["via_number"]
        and after <= timedelta(minutes=5)
    )
    names = ("message_id", "recipient", "account", "messaging_profile_id", "status", "sent_at")
    return {name: row[name] for name in names} | {
        "opted_out_at": stood["changed_at"],
        "basis": stood["basis"],
        "opt_out_event_key": stood["last_event_key"],
        "seconds_after": Decimal(after // timedelta(microseconds=1)).scaleb(-6),
        "known_before_send": received_at < row["sent_at"],
        "is_confirmation": is_confirmation,
    }


def opt_outs_any_profile(known: Ledger) -> Rows:
    # Ambiguous: last_changed_at is of the opted-out rows too: an opt-in elsewhere is no part of the answer.
    standing = [row for row in known.tables["opt_outs"] if row["opted_out"]]
    return {
        (account, phone_number): {
            "account": account,
            "phone_number": phone_number,
            "profiles": sorted(row["messaging_profile_id"] for row in rows),
            "first_opted_out_at": min(row["changed_at"] for row in rows),
            "last_changed_at": max(row["changed_at"] for row in rows),
        }
        for (account, phone_number), rows in grouped(
            standing, lambda row: (row["account"], row["phone_number"])
        ).items()
    }


def toll_free_blocks(known: Ledger) -> Rows:
    said = [
        row
        for row in known.tables["opt_out_events"]
        if row["action"] != "help"
        and (row["basis"] == "autoresponse" or row["keyword"] in TOLL_FREE_WORDS)
        and is_toll_free(row["via_number"])
    ]
    rows: Rows = {}
    for key, heard in grouped(said, lambda row: (row["via_number"], row["phone_number"])).items():
        ordered = sorted(heard, key=lambda row: (row["occurred_at"], row["event_key"]))
        last = ordered[-1]
        # Ambiguous: changed_at means what it means in opt_outs: the first of the unbroken run of equal actions.
        first = len(ordered) - 1
        while first > 0 and ordered[first - 1]["action"] == last["action"]:
            first -= 1
        rows[key] = {
            "via_number": last["via_number"],
            "phone_number": last["phone_number"],
            "account": last["account"],
            "blocked": last["action"] == "opt_out",
            "changed_at": ordered[first]["occurred_at"],
        }
    return rows


def uncovered_revocations(known: Ledger) -> Rows:
    return {
        (row["messaging_profile_id"], row["phone_number"]): row
        for row in known.tables["opt_outs"]
        if row["opted_out"] and not row["telnyx_blocked"]
    }
