"""docs/semantics.md, section 8: spend limits, hosted orders and their numbers, toll-free verifications, link clicks."""

import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, Decimal

from tests.oracle.bodies import Event
from tests.oracle.rows import Row, Rows
from tests.oracle.values import Real, decimal, id_, latest, list_, lower, member, money, party, phone, text, time

HOSTED = "messaging_hosted_numbers_orders."
TOLL_FREE = "toll_free_verification."
MICROSECOND = Decimal("0.000001")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
THE_YEAR_2200 = int((datetime(2200, 1, 1, tzinfo=UTC) - EPOCH).total_seconds())


def _in_order(events: Sequence[Event], prefix: str) -> list[Event]:
    return sorted((event for event in events if event.type.startswith(prefix)), key=lambda event: event.order)


def spend_limit_events(events: Sequence[Event]) -> Rows:
    return {
        (event.key,): {
            "event_key": event.key,
            "account": event.account,
            "messaging_profile_id": id_(event.p.get("profile_id")),
            "configured_limit": money(event.p.get("configured_limit")),
            "current_cost": money(event.p.get("current_cost")),
            "occurred_at": event.occurred_at,
        }
        for event in events
        if event.type == "messaging-profile.spend-limit-reached"
    }


def hosted_number_orders(events: Sequence[Event]) -> Rows:
    of_order = defaultdict(list)
    for event in _in_order(events, HOSTED):
        order_id = id_(event.p.get("order_id"))
        if order_id is not None:
            of_order[order_id].append(event)
    return {(order_id,): _order(order_id, its_events) for order_id, its_events in of_order.items()}


def _order(order_id: str, its_events: Sequence[Event]) -> Row:
    stating = [event for event in its_events if _order_status(event) is not None]
    return {
        "order_id": order_id,
        "account": its_events[-1].account,
        "messaging_profile_id": latest(id_(event.p.get("profile_id")) for event in its_events),
        "status": _order_status(stating[-1]) if stating else None,
        "status_at": stating[-1].occurred_at if stating else None,
        "decision": latest(_decision(event) for event in its_events),
        "approval_deadline": latest(deadline(event.p.get("approval_deadline")) for event in its_events),
        "last_event_key": its_events[-1].key,
    }


def _order_status(event: Event) -> str | None:
    # Ambiguous: the type is compared exactly, as in section 3.
    return lower(event.p.get("order_status")) or ("deleted" if event.type.endswith(".deleted") else None)


def _decision(event: Event) -> str | None:
    # Ambiguous: the two fields are compared within each event alone.
    return lower(event.p.get("decision")) or lower(event.p.get("approval_decision"))


def deadline(value: object) -> datetime | None:
    # Ambiguous: a number may be a fraction (cut at the sixth digit) and of any size, and is missing where `time` would
    # be: outside the years 1970 to 2199. A string of digits is trimmed, as `time` trims.
    if isinstance(value, str) and re.fullmatch(r"[0-9]{9,10}", value.strip()):
        return EPOCH + timedelta(seconds=int(value))
    if isinstance(value, Real):
        return _instant(decimal(value.written))
    if isinstance(value, int) and not isinstance(value, bool):
        return _instant(Decimal(value))
    return time(value)


def _instant(seconds: Decimal) -> datetime | None:
    if not 0 <= seconds < THE_YEAR_2200:
        return None
    return EPOCH + timedelta(microseconds=int(seconds.quantize(MICROSECOND, ROUND_DOWN) * 1_000_000))


def hosted_numbers(events: Sequence[Event]) -> Rows:
    rows: Rows = {}
    for event in _in_order(events, HOSTED):
        order_id = id_(event.p.get("order_id")) or ""
        # Ambiguous: of two items of one event about one number the earlier counts, as in section 4.
        for item in reversed(list_(event.p.get("numbers"))):
            number, status = phone(member(item, "value")), lower(member(item, "status"))
            if number is not None and status is not None:
                rows[order_id, number] = {
                    "order_id": order_id,
                    "phone_number": number,
                    "account": event.account,
                    "status": status,
                    "status_at": event.occurred_at,
                    "last_event_key": event.key,
                }
    return rows


def toll_free_verifications(events: Sequence[Event]) -> Rows:
    rows: Rows = {}
    for event in _in_order(events, TOLL_FREE):
        verification_id, status = id_(event.p.get("id")), lower(event.p.get("status"))
        if verification_id is not None and status is not None:
            reasons = (text(event.p.get(name)) for name in ("rejectionReason", "rejection_reason", "reason"))
            rows[verification_id,] = {
                "verification_id": verification_id,
                "account": event.account,
                # Ambiguous: "space" is U+0020 alone, as in `phone`.
                "status": re.sub("[ _-]+", "_", status),
                "reason": next((reason for reason in reasons if reason is not None), None),
                "status_at": event.occurred_at,
                "last_event_key": event.key,
            }
    return rows


def link_clicks(events: Sequence[Event]) -> Rows:
    # Ambiguous: an event whose event_type itself says link_clicked is one too; its payload is data.payload.
    return {
        (event.key,): {
            "event_key": event.key,
            "account": event.account,
            "message_id": id_(event.p.get("message_id")),
            "recipient": party(event.p.get("to")),
            "url": text(event.p.get("url")),
            "clicked_at": time(event.p.get("time_clicked")) or event.occurred_at,
        }
        for event in events
        if event.type == "link_clicked"
    }
