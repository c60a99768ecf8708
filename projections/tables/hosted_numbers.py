"""Hosted numbers: the orders, and the status of each number of an order (docs/semantics.md, section 8).

The latest non-null value of each column of an order counts, so each column is a separate winner. Its order is null for
an event that says nothing about the column. A number takes all its columns from its latest event.
"""

import re
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Any

from projections.engine.projection import Projection, Rows
from projections.engine.table import Row, table
from schemas.families.table import types_of
from schemas.kafka.record import Delivery
from schemas.reading.event import Event, with_exact_numbers
from schemas.reading.normalize import items, lower, phone, timestamp, vendor_id

HOSTED_NUMBER_ORDERS = table(
    "hosted_number_orders",
    key="order_id text",
    winners=(
        ("last_event_at timestamptz, last_event_key uuid", "account text"),
        ("profile_at timestamptz, profile_event_key uuid", "messaging_profile_id text"),
        ("status_at timestamptz, status_event_key uuid", "status text"),
        ("decision_at timestamptz, decision_event_key uuid", "decision text"),
        ("deadline_at timestamptz, deadline_event_key uuid", "approval_deadline timestamptz"),
    ),
)
HOSTED_NUMBERS = table(
    "hosted_numbers",
    key="order_id text, phone_number text",
    winners=(("status_at timestamptz, last_event_key uuid", "account text, status text"),),
)

_UNIX_SECONDS = re.compile(r"[0-9]{9,10}")
_UNIX_START = datetime(1970, 1, 1, tzinfo=UTC)
_UNIX_END_SECONDS = Decimal((datetime(2200, 1, 1, tzinfo=UTC) - _UNIX_START).total_seconds())
_MICROSECOND = Decimal("0.000001")


def hosted_number_rows(event: Event, delivery: Delivery) -> Rows:
    """A row for the order that the event names, and one for each number with a status."""
    order_id = vendor_id(event.payload.get("order_id"))
    if order_id is not None:
        yield HOSTED_NUMBER_ORDERS, _hosted_order(order_id, event, delivery)
    for item in items(event.payload.get("numbers")):
        if isinstance(item, dict):
            number, status = phone(item.get("value")), lower(item.get("status"))
            if number is not None and status is not None:
                row: Row = {
                    "order_id": order_id or "",
                    "phone_number": number,
                    "account": delivery.account,
                    "status": status,
                    "status_at": event.occurred_at,
                    "last_event_key": event.key,
                }
                yield HOSTED_NUMBERS, row


def _hosted_order(order_id: str, event: Event, delivery: Delivery) -> Row:
    get = event.payload.get
    status = lower(get("order_status")) or ("deleted" if event.type.endswith(".deleted") else None)
    row: Row = {
        "order_id": order_id,
        "account": delivery.account,
        "last_event_at": event.occurred_at,
        "last_event_key": event.key,
    }
    row |= _latest("profile", event, messaging_profile_id=vendor_id(get("profile_id")))
    row |= _latest("status", event, status=status)
    row |= _latest("decision", event, decision=lower(get("decision")) or lower(get("approval_decision")))
    row |= _latest("deadline", event, approval_deadline=_deadline(event, delivery.body))
    return row


def _latest(name: str, event: Event, **column: Any) -> Row:
    """One column and the hidden order of its winner. The order is null if the event says nothing about the column."""
    [value] = column.values()
    order = (None, None) if value is None else (event.occurred_at, event.key)
    return {f"{name}_at": order[0], f"{name}_event_key": order[1], **column}


def _deadline(event: Event, body: bytes) -> datetime | None:
    [written] = with_exact_numbers(lambda payload: (payload.get("approval_deadline"),), event, body)
    if isinstance(written, str):
        word = written.strip()
        return _unix_instant(Decimal(word)) if _UNIX_SECONDS.fullmatch(word) else timestamp(word)
    if isinstance(written, float):
        written = repr(written)
    elif isinstance(written, bool) or not isinstance(written, int | Decimal):
        return None
    return _unix_instant(Decimal(written))


def _unix_instant(seconds: Decimal) -> datetime | None:
    """Unix seconds as an instant, cut to microseconds and within the years that `timestamp` accepts."""
    if not seconds.is_finite() or not 0 <= seconds < _UNIX_END_SECONDS:
        return None
    return _UNIX_START + timedelta(microseconds=int(seconds.quantize(_MICROSECOND, ROUND_DOWN).scaleb(6)))


HOSTED_NUMBER_PROJECTION = Projection(
    name="hosted_numbers",
    version=1,
    event_types=types_of("hosted-numbers-order"),
    tables=(HOSTED_NUMBER_ORDERS, HOSTED_NUMBERS),
    rows=hosted_number_rows,
)
