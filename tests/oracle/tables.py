"""All expected tables of a list of deliveries, in the order in which they were stored.

Each module of the oracle holds one function per table, from the stored events to rows.
"""

import uuid
from collections.abc import Callable, Iterable, Sequence

from tests.contract import tables as contract
from tests.oracle import deliveries, inbound, opt_outs, persons, resources
from tests.oracle.bodies import Delivery, Event, Quarantined, read
from tests.oracle.rows import Rows
from tests.oracle.ten_dlc import brands, campaigns, facts, ids

MODULES = (deliveries, inbound, opt_outs, persons, resources, brands, campaigns, facts, ids)
# A function that has the name of a table of the contract computes that table from the stored events.
FOLDS: dict[str, Callable[[Sequence[Event]], Rows]] = {
    table: getattr(module, table) for table in contract.TABLES for module in MODULES if hasattr(module, table)
}


def stored_events(deliveries: Sequence[Delivery]) -> list[Event]:
    """One event per event_key, of the delivery that was stored first."""
    return _first(map(read, deliveries))


def _first(found: Iterable[Event | Quarantined]) -> list[Event]:
    first: dict[uuid.UUID, Event] = {}
    for event in found:
        if isinstance(event, Event):
            first.setdefault(event.key, event)
    return list(first.values())


def tables(deliveries: Sequence[Delivery]) -> dict[str, Rows]:
    """Every table, rows by primary key."""
    found = [read(delivery) for delivery in deliveries]
    stored = _first(found)
    folded = {name: fold(stored) for name, fold in FOLDS.items()}
    return {"events": events(stored), "quarantined_webhooks": quarantined_webhooks(found)} | folded


def events(stored: Sequence[Event]) -> Rows:
    return {
        (event.retention_class, event.occurred_at, event.key): {
            "event_key": event.key,
            "event_id": event.event_id,
            "account": event.account,
            "event_type": event.type,
            "retention_class": event.retention_class,
            "occurred_at": event.occurred_at,
            "received_at": event.delivery.received_at,
            "body": event.delivery.body,
            "signature": event.delivery.signature,
            "signed_timestamp": event.delivery.signed_timestamp,
            "key_id": event.delivery.key_id,
        }
        for event in stored
    }


def quarantined_webhooks(found: Iterable[Event | Quarantined]) -> Rows:
    rows: Rows = {}
    for item in found:
        if isinstance(item, Quarantined):
            rows.setdefault((item.key,), _quarantined(item))
    return rows


def _quarantined(found: Quarantined) -> dict[str, object]:
    delivery = found.delivery
    return {
        "quarantine_key": found.key,
        "account": delivery.account,
        "reason": found.reason,
        "received_at": delivery.received_at,
        "body": delivery.body,
        "signature": delivery.signature,
        "signed_timestamp": delivery.signed_timestamp,
        "key_id": delivery.key_id,
        "requeued_at": None,
    }
