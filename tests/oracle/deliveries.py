"""docs/semantics.md, section 4: message_deliveries, from all observations of a (message, recipient) at once."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from tests.oracle.bodies import Event
from tests.oracle.rows import Rows
from tests.oracle.values import each_once, id_, int_, list_, lower, member, money, party, text, time

T = TypeVar("T", str, int, datetime)

DEFAULT_STATUS = {"message.sent": "sent", "message.finalized": "unknown", "message.read": "read"}
RANK = {
    "scheduled": 0,
    "queued": 1,
    "sending": 2,
    "sent": 3,
    "delivery_unconfirmed": 4,
    "unknown": 4,
    "dlr_timeout": 4,
    "delivered": 5,
    "sending_failed": 5,
    "delivery_failed": 5,
    "expired": 5,
    "failed": 5,
    "cancelled": 5,
    "gw_timeout": 5,
    "read": 6,
}


@dataclass(frozen=True)
class Observation:
    """One event's report on one recipient; `item` is None if the event names no recipient."""

    event: Event
    message_id: str
    recipient: str
    item: object
    position: int

    @property
    def status(self) -> str:
        # Ambiguous: an unlisted word is "kept as it is", but the status is lower(item.status): kept in lower case.
        return lower(member(self.item, "status")) or DEFAULT_STATUS[self.event.type]

    @property
    def rank(self) -> int:
        return RANK.get(self.status, RANK[DEFAULT_STATUS[self.event.type]])

    @property
    def strength(self) -> tuple[int, datetime, uuid.UUID, int]:
        """The winner has the greatest strength; within one event the earlier item wins."""
        return (self.rank, *self.event.order, -self.position)

    @property
    def error_codes(self) -> list[str]:
        errors = [id_(member(error, "code")) for error in list_(self.event.p.get("errors"))]
        return each_once([*errors, id_(member(self.item, "error_code"))])

    @property
    def error_detail(self) -> str | None:
        lines = [_error_line(error) for error in list_(self.event.p.get("errors"))]
        return "; ".join(each_once([*lines, text(member(self.item, "error_message"))])) or None

    @property
    def cost(self) -> tuple[Decimal, str | None, Decimal | None] | None:
        """(amount, currency, fee) on the first observation of an event, None on the others."""
        cost = self.event.p.get("cost")
        amount = money(member(cost, "amount") if isinstance(cost, dict) else cost)
        if amount is None or self.position > 0:
            return None
        fee = member(member(self.event.p.get("cost_breakdown"), "carrier_fee"), "amount")
        return (amount, text(member(cost, "currency")), money(fee))


def _error_line(error: object) -> str | None:
    title, detail = text(member(error, "title")), text(member(error, "detail"))
    return ": ".join(each_once([title]) + each_once([detail])) or text(error)


def observations(event: Event) -> list[Observation]:
    """In payload order; empty for an event without delivery rows."""
    message_id = id_(event.p.get("id"))
    if event.type not in DEFAULT_STATUS or message_id is None:
        return []
    # Ambiguous: "a bare number" is a bare item that has a party: any string (a short code, a masked number) or integer.
    to = [item for item in list_(event.p.get("to")) if isinstance(item, dict) or party(item)]
    cc = [item for item in list_(event.p.get("cc")) if isinstance(item, dict) and party(item)]
    items = to + [item for item in cc if lower(member(item, "status")) in RANK]
    return [
        Observation(event, message_id, party(item) or "", item, position)
        for position, item in enumerate(items or [None])
    ]


def message_deliveries(events: Sequence[Event]) -> Rows:
    rows = defaultdict(list)
    for event in events:
        for seen in observations(event):
            rows[seen.message_id, seen.recipient].append(seen)
    return {key: _row(seen) for key, seen in rows.items()}


def _row(seen: list[Observation]) -> dict[str, object]:
    winner = max(seen, key=lambda observation: observation.strength)
    events = [observation.event for observation in seen]
    payloads = [event.p for event in events]
    return {
        "message_id": winner.message_id,
        "recipient": winner.recipient,
        "status": winner.status,
        "status_at": winner.event.occurred_at,
        "last_event_key": winner.event.key,
        "is_final": any(observation.rank >= 4 or observation.event.type != "message.sent" for observation in seen),
        "error_codes": winner.error_codes,
        "error_detail": winner.error_detail,
        **_cost(seen),
        "queued_at": least(time(p.get("received_at")) for p in payloads),
        "sent_at": least(_sent_at(event) for event in events),
        "completed_at": greatest(_completed_at(event) for event in events),
        "first_event_at": min(event.occurred_at for event in events),
        "account": max(event.account for event in events),
        "messaging_profile_id": greatest(id_(p.get("messaging_profile_id")) for p in payloads),
        "tcr_campaign_id": greatest(id_(p.get("tcr_campaign_id")) for p in payloads),
        "group_message_id": greatest(id_(p.get("group_message_id")) for p in payloads),
        "sender": greatest(party(p.get("from")) for p in payloads),
        "message_type": greatest(text(p.get("type")) for p in payloads),
        "encoding": greatest(text(p.get("encoding")) for p in payloads),
        "carrier": greatest(text(member(observation.item, "carrier")) for observation in seen),
        "line_type": greatest(text(member(observation.item, "line_type")) for observation in seen),
        "parts": greatest(int_(p.get("parts")) for p in payloads),
        "tags": max(_tags(p) for p in payloads),
    }


def _cost(seen: list[Observation]) -> dict[str, object]:
    carrying = [observation for observation in seen if observation.cost is not None]
    found = max(carrying, key=lambda observation: observation.strength).cost if carrying else None
    amount, currency, fee = found or (None, None, None)
    return {"cost_amount": amount, "cost_currency": currency, "carrier_fee_amount": fee}


def _sent_at(event: Event) -> datetime | None:
    return time(event.p.get("sent_at")) or (event.occurred_at if event.type == "message.sent" else None)


def _completed_at(event: Event) -> datetime | None:
    return time(event.p.get("completed_at")) or (event.occurred_at if event.type == "message.finalized" else None)


def _tags(p: dict[str, object]) -> list[str]:
    return [tag for tag in map(text, list_(p.get("tags"))) if tag is not None]


def least(values: Iterable[T | None]) -> T | None:
    return min((value for value in values if value is not None), default=None)


def greatest(values: Iterable[T | None]) -> T | None:
    return max((value for value in values if value is not None), default=None)
