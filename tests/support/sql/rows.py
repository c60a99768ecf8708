"""Rows for tests of the schema, inserted as a projector does but without its code."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
PERSON, TOLL_FREE, LONG_CODE = "+13125550001", "+18005550100", "+14155550100"
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


async def insert_event(connection: asyncpg.Connection, **values: Any) -> dict[str, Any]:
    """Inserts one event and its partition. Columns that are not given have ordinary values."""
    row = {
        "event_key": uuid.uuid4(), "account": "default", "event_type": "message.sent", "retention_class": "traffic",
        "occurred_at": NOON, "received_at": NOON, "body": b'{"data":{"payload":{"text":"secret words"}}}',
        "signature": bytes(64), "signed_timestamp": "1763640000", "key_id": "0123456789abcdef", **values,
    }  # fmt: skip
    await connection.execute("select telnyx.ensure_partition($1, $2)", row["retention_class"], row["occurred_at"])
    await insert(connection, "telnyx.events", row)
    return row


async def insert_opt_out_event(connection: asyncpg.Connection, **values: Any) -> dict[str, Any]:
    """Inserts one fact about a person. Columns that are not given have ordinary values."""
    row = {
        "event_key": uuid.uuid4(), "phone_number": "+13125550001", "account": "default",
        "messaging_profile_id": "profile", "action": "opt_out", "basis": "autoresponse", "keyword": "STOP",
        "via_number": "+13125550099", "telnyx_blocked": False, "occurred_at": NOON, "attempted_at": None,
        "received_at": NOON, **values,
    }  # fmt: skip
    await insert(connection, "telnyx.opt_out_events", row)
    return row


async def insert_delivery(connection: asyncpg.Connection, message_id: str, **values: Any) -> None:
    """Inserts one delivery, sent at noon. Columns that are not given have ordinary values."""
    row = {
        "message_id": message_id, "recipient": PERSON, "account": "a", "messaging_profile_id": "profile",
        "sender": LONG_CODE, "status": "delivered", "is_final": True, "status_at": NOON + SECOND, "sent_at": NOON,
        "first_event_at": NOON, "last_event_key": uuid.uuid4(), "status_rank": 5, **values,
    }  # fmt: skip
    await insert(connection, "telnyx.message_deliveries", row)


async def insert_many_events(connection: asyncpg.Connection) -> None:
    """Inserts 9000 events of now in all retention classes, and analyzes the table."""
    await connection.execute("""
        insert into telnyx.events (event_key, account, event_type, retention_class, occurred_at, received_at, body,
                                   signature, signed_timestamp, key_id)
        select md5(i::text)::uuid, 'default', 't', (array['consent', 'registry', 'traffic'])[1 + i % 3],
               now(), now(), '{}', '', '', ''
        from generate_series(1, 9000) i
    """)
    await connection.execute("analyze telnyx.events")


async def insert(connection: asyncpg.Connection, table: str, row: dict[str, Any]) -> None:
    places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    await connection.execute(f"insert into {table} ({', '.join(row)}) values ({places})", *row.values())


async def fetch_tuples(connection: asyncpg.Connection, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await connection.fetch(query)]


async def plan(connection: asyncpg.Connection, query: str, *arguments: Any) -> str:
    """The plan of an executed query as text, at the default random_page_cost, which favours indexes least."""
    await connection.execute("set random_page_cost = 4")
    return "\n".join(row[0] for row in await connection.fetch(f"explain (analyze, costs off) {query}", *arguments))
