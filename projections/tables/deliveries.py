"""message_deliveries: one row per message and recipient, for any order of webhooks (docs/semantics.md, section 4)."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from projections.engine.projection import Projection, Rows
from projections.engine.table import Deferred, Row, table
from schemas.families.table import types_of
from schemas.kafka.record import Delivery
from schemas.reading.event import Event, with_exact_numbers
from schemas.reading.normalize import integer, items, lower, money, party, text, timestamp, unique, vendor_id

FINAL_RANK = 4
LONG_CHARACTERS = 1000  # errors of that length are written out when a row is encoded, not for all recipients at once

RANKS = {
    "scheduled": 0,
    "queued": 1,
    "sending": 2,
    "sent": 3,
    **dict.fromkeys(("delivery_unconfirmed", "unknown", "dlr_timeout"), 4),
    **dict.fromkeys(
        ("delivered", "sending_failed", "delivery_failed", "expired", "failed", "cancelled", "gw_timeout"), 5
    ),
    "read": 6,
}
DEFAULT_STATUS = {"message.sent": "sent", "message.finalized": "unknown", "message.read": "read"}

MESSAGE_DELIVERIES = table(
    "message_deliveries",
    key="message_id text, recipient text",
    least="queued_at timestamptz, sent_at timestamptz, first_event_at timestamptz",
    greatest="""
        account text, messaging_profile_id text, sender text, is_final boolean, message_type text,
        tcr_campaign_id text, group_message_id text, carrier text, line_type text, encoding text, parts integer,
        tags text[], completed_at timestamptz""",
    winners=(
        (
            "status_rank smallint, status_at timestamptz, last_event_key uuid",
            "status text, error_codes text[], error_detail text",
        ),
        (
            "cost_rank smallint, cost_at timestamptz, cost_event_key uuid",
            "cost_amount numeric, cost_currency text, carrier_fee_amount numeric",
        ),
    ),
)


def observations(event: Event) -> Iterator[tuple[str, dict[str, Any]]]:
    """(recipient, item) for each recipient that the webhook names, or one with recipient '' if it names none."""
    found = False
    for item in items(event.payload.get("to")):
        recipient = party(item)
        if isinstance(item, dict) or recipient:
            found = True
            yield recipient or "", item if isinstance(item, dict) else {}
    for item in items(event.payload.get("cc")):
        # A bare number in cc is a copy, and says nothing about its delivery.
        if isinstance(item, dict) and party(item) and lower(item.get("status")) in RANKS:
            found = True
            yield party(item) or "", item
    if not found:
        yield "", {}


def _words(error: Any) -> str | None:
    if not isinstance(error, dict):
        return text(error)
    return ": ".join(filter(None, (text(error.get("title")), text(error.get("detail"))))) or None


class Errors:
    """The errors of an event, read once: it may name a thousand recipients, and the row of each has them all."""

    def __init__(self, payload: dict[str, Any]) -> None:
        errors = items(payload.get("errors"))
        self._codes = unique(vendor_id(error.get("code")) for error in errors if isinstance(error, dict))
        self._words = unique(map(_words, errors))
        self.are_long = len(self._codes) + sum(map(len, self._words)) > LONG_CHARACTERS

    def has(self, code: str, item: dict[str, Any]) -> bool:
        """Whether this is one of the codes of the item."""
        return code in self._codes or vendor_id(item.get("error_code")) == code

    def codes(self, item: dict[str, Any]) -> list[str]:
        """The codes of the webhook's errors, then that of the item. Each code once."""
        own = vendor_id(item.get("error_code"))
        return self._codes if own is None or own in self._codes else [*self._codes, own]

    def detail(self, item: dict[str, Any]) -> str | None:
        """The errors as a sentence for people."""
        own = text(item.get("error_message"))
        words = self._words if own is None or own in self._words else [*self._words, own]
        return "; ".join(words) or None


_NO_ERRORS = Errors({})


def errors_of(payload: dict[str, Any]) -> Errors:
    """The errors of a payload; nearly all have none."""
    return Errors(payload) if payload.get("errors") else _NO_ERRORS


def rows(event: Event, delivery: Delivery) -> Rows:
    """One row per observation. An event that does not name its message has none."""
    message_id = vendor_id(event.payload.get("id"))
    if message_id is None:
        return
    shared = _shared(event, delivery.account)
    cost, errors = _cost(event, delivery.body), errors_of(event.payload)
    for recipient, item in observations(event):
        status = lower(item.get("status")) or DEFAULT_STATUS[event.type]
        rank = RANKS.get(status, RANKS[DEFAULT_STATUS[event.type]])
        row: Row = {
            **shared,
            "message_id": message_id,
            "recipient": recipient,
            "is_final": rank >= FINAL_RANK or event.type != "message.sent",
            "carrier": text(item.get("carrier")),
            "line_type": text(item.get("line_type")),
            "status_rank": rank,
            "status": status,
            "error_codes": Deferred(partial(errors.codes, item)) if errors.are_long else errors.codes(item),
            "error_detail": Deferred(partial(errors.detail, item)) if errors.are_long else errors.detail(item),
            **cost,
            "cost_rank": rank if cost["cost_amount"] is not None else None,
        }
        cost = NO_COST  # the webhook states one cost, so only its first recipient has it
        yield MESSAGE_DELIVERIES, row


def _shared(event: Event, account: str) -> Row:
    """The columns that are equal for all recipients."""
    payload = event.payload
    get = payload.get
    return {
        "account": account,
        "queued_at": timestamp(get("received_at")),
        "sent_at": timestamp(get("sent_at")) or (event.occurred_at if event.type == "message.sent" else None),
        "completed_at": timestamp(get("completed_at"))
        or (event.occurred_at if event.type == "message.finalized" else None),
        "first_event_at": event.occurred_at,
        "messaging_profile_id": vendor_id(get("messaging_profile_id")),
        "sender": party(get("from")),
        "message_type": text(get("type")),
        "tcr_campaign_id": vendor_id(get("tcr_campaign_id")),
        "group_message_id": vendor_id(get("group_message_id")),
        "encoding": text(get("encoding")),
        "parts": integer(get("parts")),
        "tags": [tag for tag in map(text, items(get("tags"))) if tag],
        "status_at": event.occurred_at,
        "last_event_key": event.key,
    }


NO_COST: Row = dict.fromkeys(
    ("cost_rank", "cost_at", "cost_event_key", "cost_amount", "cost_currency", "carrier_fee_amount")
)


def _cost(event: Event, body: bytes) -> Row:
    amount, fee = map(money, with_exact_numbers(_amounts, event, body))
    if amount is None:
        return NO_COST
    cost = event.payload.get("cost")
    return {
        "cost_at": event.occurred_at,
        "cost_event_key": event.key,
        "cost_amount": amount,
        "cost_currency": text(cost.get("currency")) if isinstance(cost, dict) else None,
        "carrier_fee_amount": fee,
    }


def _amounts(payload: dict[str, Any]) -> tuple[Any, Any]:
    """The unchecked values in the places of the cost and of the carrier's fee."""
    cost, fee = payload.get("cost"), payload.get("cost_breakdown")
    for name in ("carrier_fee", "amount"):
        fee = fee.get(name) if isinstance(fee, dict) else None
    return (cost.get("amount") if isinstance(cost, dict) else cost), fee


DELIVERIES = Projection(
    name="deliveries",
    version=1,
    event_types=types_of("message-delivery"),
    tables=(MESSAGE_DELIVERIES,),
    rows=rows,
)
