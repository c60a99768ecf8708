"""Numbers inside media stay as sent: jsonb holds decimals of any length, and a double does not."""

import asyncpg
import pytest

from tests.oracle import compare
from tests.oracle.tables import tables
from tests.support.projections.apply import apply, closing, expected_delivery, new_projector
from tests.support.streams import BASE, Webhook, body_of
from tests.support.webhooks.malformed import Raw


@pytest.mark.parametrize("number", ["1.50", "0.12345678901234567890", "5e-400", "123456789012345678901234567890"])
async def test_a_number_in_media_stays_as_sent(database_url: str, connection: asyncpg.Connection, number: str) -> None:
    payload = {"id": "m1", "media": [{"size": Raw(number)}]}
    body = body_of({"event_type": "message.received", "occurred_at": "2026-01-01T00:00Z", "payload": payload})
    webhook = Webhook(body, "a", BASE)
    async with closing(new_projector(database_url)) as projector:
        await apply(projector, [[webhook]])
    expected = tables([expected_delivery(webhook)])
    assert compare.differences(expected, await compare.stored_tables(connection)) == []


async def test_a_number_beyond_jsonb_leaves_the_others_exact(database_url: str, connection: asyncpg.Connection) -> None:
    hurts, exact = Raw("1e-20000"), Raw("0.12345678901234567890")
    payload = {"id": "m1", "media": [{"size": hurts, "url": "https://example.com/a.png", "ratio": exact}]}
    body = body_of({"event_type": "message.received", "occurred_at": "2026-01-01T00:00Z", "payload": payload})
    async with closing(new_projector(database_url)) as projector:
        await apply(projector, [[Webhook(body, "a", BASE)]])
    media = await connection.fetchval("select media::text from telnyx.message_contents")
    assert media == '[{"url": "https://example.com/a.png", "size": 0.0, "ratio": 0.12345678901234567890}]'
