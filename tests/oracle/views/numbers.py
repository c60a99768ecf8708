"""docs/semantics.md, section 10: the views about campaigns and numbers, and those about the events themselves."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from tests.oracle.rows import Rows
from tests.oracle.views.area_codes import is_us_long_code
from tests.oracle.views.views import DAY, IS_ASSIGNED, SPAM, Ledger, by_class, grouped, time_of


def campaign_health(known: Ledger) -> Rows:
    rows: Rows = {}
    for campaign in known.tables["campaigns"]:
        numbers = [row for row in known.tables["campaign_numbers"] if row["campaign_id"] == campaign["campaign_id"]]
        sent = [
            row
            for row in known.deliveries
            if row["tcr_campaign_id"] is not None
            and row["tcr_campaign_id"] == campaign["tcr_campaign_id"]
            and time_of(row) > known.now - DAY
        ]
        classes = by_class(sent)
        names = ("campaign_id", "tcr_campaign_id", "account", "status", "status_at", "reason")
        rows[(campaign["campaign_id"],)] = {name: campaign[name] for name in names} | {
            "numbers_assigned": sum(row["status"] in IS_ASSIGNED for row in numbers),
            "messages": classes["messages"],
            "delivered": classes["delivered"],
            "failed": classes["failed"],
            "spam_blocked": sum(bool(SPAM & set(row["error_codes"])) for row in sent),
        }
    return rows


def unregistered_traffic(known: Ledger) -> Rows:
    status = {row["campaign_id"]: row["status"] for row in known.tables["campaigns"]}
    assignments = defaultdict(list)
    for row in known.tables["campaign_numbers"]:
        # Ambiguous: "assignment" is what campaign_health counts; pending and failed ones are none.
        if row["status"] in IS_ASSIGNED:
            assignments[row["phone_number"]].append(row)
    rows: Rows = {}
    senders = grouped(known.deliveries, lambda row: (row["account"], row["sender"], time_of(row).date()))
    for (account, sender, day), sent in senders.items():
        held = sorted(assignments[sender], key=lambda row: (row["status_at"], row["last_event_key"]))
        is_registered = any(status.get(row["campaign_id"]) == "MNO_PROVISIONED" for row in held)
        if is_registered or not is_us_long_code(sender):
            continue
        newest = held[-1] if held else None
        # Ambiguous: first and last sent_at are of the rows that have one; the day is by the time of the row.
        times = [row["sent_at"] for row in sent if row["sent_at"] is not None]
        rows[account, sender, day] = {
            "account": account,
            "sender": sender,
            "day": day,
            "messages": len(sent),
            "first_sent_at": min(times, default=None),
            "last_sent_at": max(times, default=None),
            "campaign_id": newest and newest["campaign_id"],
            "campaign_status": newest and status.get(newest["campaign_id"]),
            "assigned_at": newest and newest["status_at"],
        }
    return rows


def event_id_conflicts(known: Ledger) -> Rows:
    # Ambiguous: a missing event_id is no id, and in conflict with nothing.
    found = defaultdict(list)
    for event in known.events:
        if event.event_id is not None:
            found[event.account, event.event_id].append(event)
    return {
        (account, event_id): {
            "account": account,
            "event_id": event_id,
            "events": len({event.key for event in events}),
            "first_occurred_at": min(event.occurred_at for event in events),
            "last_occurred_at": max(event.occurred_at for event in events),
        }
        for (account, event_id), events in found.items()
        if len({event.key for event in events}) > 1
    }


def pipeline_lag(times: Sequence[tuple[datetime, datetime]], now: datetime) -> Rows:
    """Of pairs (received_at, recorded_at)."""
    minutes: dict[datetime, list[float]] = defaultdict(list)
    for received_at, recorded_at in times:
        if recorded_at > now - DAY:
            lag = (recorded_at - received_at) / timedelta(seconds=1)
            minutes[recorded_at.replace(second=0, microsecond=0)].append(lag)
    return {
        (minute,): {
            "minute": minute,
            "events": len(lags),
            "p50_seconds": percentile(lags, 0.5),
            "p99_seconds": percentile(lags, 0.99),
        }
        for minute, lags in minutes.items()
    }


def percentile(values: Sequence[float], fraction: float) -> float:
    # Ambiguous: between two values, on the line from the one to the other.
    ordered: list[Any] = sorted(values)
    place = fraction * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return float(ordered[below] + (ordered[above] - ordered[below]) * (place - below))
