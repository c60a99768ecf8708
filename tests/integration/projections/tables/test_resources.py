"""Spend limits, hosted and toll-free numbers, and clicks: types, harmful values and the account of their rows."""

import itertools
from collections.abc import Iterator

import asyncpg
import pytest

from schemas.reading.event import Event, read
from tests.support.projections.resource_tables import Ledger, minutes
from tests.support.webhooks import builders
from tests.support.webhooks.builders import Json, hosted_order, toll_free_update
from tests.support.webhooks.malformed import HOSTILE, written


@pytest.mark.parametrize(
    "event_type", ["messaging-profile.spend-limit-reached.v2", "Messaging-Profile.Spend-Limit-Reached"]
)
async def test_other_event_types_feed_no_row(ledger: Ledger, event_type: str) -> None:
    await ledger.apply(
        builders.event(event_type, {"profile_id": "p"}),
        builders.event("messaging_hosted_numbers_order.created", {"order_id": "o"}),
        builders.event("toll_free_verifications.x", {"id": "v", "status": "verified"}),
        builders.event("link_clicked.x", {"message_id": "m"}),
    )
    assert not any((await ledger.everything()).values())


FIELDS = {
    "messaging-profile.spend-limit-reached": ("profile_id", "configured_limit", "current_cost"),
    "messaging_hosted_numbers_orders.updated": (
        *("order_id", "order_status", "profile_id", "decision", "approval_decision", "approval_deadline", "numbers"),
    ),
    "toll_free_verification.status_update": ("id", "status", "rejectionReason", "rejection_reason", "reason"),
    "link_clicked": ("message_id", "to", "url", "time_clicked"),
}


def attacked(event_type: str) -> Iterator[bytes]:
    """One body for each field and each malformed value. Its other fields are valid."""
    for field, value in itertools.product(FIELDS[event_type], HOSTILE):
        payload: Json = {"id": "healthy", "order_id": "healthy", "status": "healthy", "field": field} | {field: value}
        data = {"event_type": event_type, "occurred_at": "2026-03-01T12:00:00Z", "payload": payload}
        yield written({"data": data}).encode()
        if field == "numbers":
            for inner in ({"value": value, "status": "x"}, {"value": "+13125550001", "status": value}):
                payload["numbers"] = [inner]
                yield written({"data": data}).encode()


@pytest.mark.parametrize("event_type", FIELDS)
async def test_no_value_can_stop_a_batch(ledger: Ledger, connection: asyncpg.Connection, event_type: str) -> None:
    bodies = list(attacked(event_type))
    await ledger.apply(*bodies)
    readable = {found.key for found in map(read, bodies) if isinstance(found, Event)}
    assert len(readable) > len(bodies) * 0.9
    assert await connection.fetchval("select count(*) from telnyx.events") == len(readable)
    assert await connection.fetchval("select count(*) from telnyx.dead_letters") == 0
    assert await connection.fetchval("select bool_and(status = 'live') from telnyx.projection_state")


async def test_the_account_is_that_of_the_latest_event(ledger: Ledger) -> None:
    pending = {"value": "+13125550001", "status": "pending"}
    for step in (1, -1):
        await ledger.clear()
        for minute in (0, 1)[::step]:
            order, update = hosted_order(numbers=[pending], at=minutes(minute)), toll_free_update(at=minutes(minute))
            await ledger.apply(order, update, account="ab"[minute])
        found = await ledger.everything()
        tables = ("hosted_number_orders", "hosted_numbers", "toll_free_verifications")
        assert [found[table][0]["account"] for table in tables] == ["b", "b", "b"]
