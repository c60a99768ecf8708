"""All expected tables of a list of deliveries, in the order in which they were stored.

A family of events is a file of its own that adds its tables to `FOLDS`: functions from the stored events to rows.
"""

import uuid
from collections.abc import Callable, Iterable, Sequence

from tests.oracle.accounts import (
    hosted_number_orders,
    hosted_numbers,
    link_clicks,
    spend_limit_events,
    toll_free_verifications,
)
from tests.oracle.bodies import Delivery, Event, Quarantined, read
from tests.oracle.deliveries import message_deliveries
from tests.oracle.inbound import inbound_messages, message_contents
from tests.oracle.opt_outs import opt_out_events, opt_outs
from tests.oracle.persons import person_events
from tests.oracle.rows import Rows
from tests.oracle.ten_dlc.brands import brands, campaign_numbers
from tests.oracle.ten_dlc.campaigns import campaign_transitions, campaigns
from tests.oracle.ten_dlc.facts import ten_dlc_events
from tests.oracle.ten_dlc.ids import ten_dlc_aliases

FOLDS: dict[str, Callable[[Sequence[Event]], Rows]] = {
    "message_deliveries": message_deliveries,
    "inbound_messages": inbound_messages,
    "message_contents": message_contents,
    "opt_out_events": opt_out_events,
    "opt_outs": opt_outs,
    "ten_dlc_events": ten_dlc_events,
    "ten_dlc_aliases": ten_dlc_aliases,
    "brands": brands,
    "campaigns": campaigns,
    "campaign_transitions": campaign_transitions,
    "campaign_numbers": campaign_numbers,
    "spend_limit_events": spend_limit_events,
    "hosted_number_orders": hosted_number_orders,
    "hosted_numbers": hosted_numbers,
    "toll_free_verifications": toll_free_verifications,
    "link_clicks": link_clicks,
    "person_events": person_events,
}


def stored_events(deliveries: Sequence[Delivery]) -> list[Event]:
    """One per event_key: the delivery that was stored first."""
    return _first(map(read, deliveries))


def _first(found: Iterable[Event | Quarantined]) -> list[Event]:
    first: dict[uuid.UUID, Event] = {}
    for one in found:
        if isinstance(one, Event):
            first.setdefault(one.key, one)
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
    for one in found:
        if isinstance(one, Quarantined):
            rows.setdefault((one.key,), _quarantined(one))
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
