"""Spend limits: one row each time a messaging profile reached its daily limit (docs/semantics.md, section 8)."""

from typing import Any

from projections.engine.projection import Projection, Rows
from projections.engine.table import Row, table
from schemas.families.table import types_of
from schemas.kafka.record import Delivery
from schemas.reading.event import Event, with_exact_numbers
from schemas.reading.normalize import money, vendor_id

SPEND_LIMIT_EVENTS = table(
    "spend_limit_events",
    key="event_key uuid",
    constants="""account text, messaging_profile_id text, configured_limit numeric, current_cost numeric,
        occurred_at timestamptz""",
)


def spend_limit_rows(event: Event, delivery: Delivery) -> Rows:
    """One row: a messaging profile reached its daily spending limit."""
    limit, cost = map(money, with_exact_numbers(_limit_and_cost, event, delivery.body))
    row: Row = {
        "event_key": event.key,
        "account": delivery.account,
        "messaging_profile_id": vendor_id(event.payload.get("profile_id")),
        "configured_limit": limit,
        "current_cost": cost,
        "occurred_at": event.occurred_at,
    }
    yield SPEND_LIMIT_EVENTS, row


def _limit_and_cost(payload: dict[str, Any]) -> tuple[Any, Any]:
    return payload.get("configured_limit"), payload.get("current_cost")


SPEND_LIMITS = Projection(
    name="spend_limits",
    version=1,
    event_types=types_of("spend-limit-reached"),
    tables=(SPEND_LIMIT_EVENTS,),
    rows=spend_limit_rows,
)
