"""Pages of stored events are bounded by bytes: a page of long bodies has few rows."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from projections.engine import event_reader
from projections.integrity import checks
from projections.recovery import replay
from projections.registry import PROJECTIONS
from tests.support.sql.rows import insert_event

LONG = 200 * 1024
EVENTS = 100


@pytest.fixture
async def stored(connection: asyncpg.Connection) -> asyncpg.Connection:
    """20 MB of long events, among short ones."""
    for number in range(2 * EVENTS):
        await insert_event(connection, event_type="message.sent", body=b"x" * (LONG if number % 2 else 100))
    return connection


async def pages_of_projections(connection: asyncpg.Connection) -> AsyncIterator[list[bytes]]:
    position, end = 0, await event_reader.last_position(connection)
    while position < end:
        page = await event_reader.page_after(connection, PROJECTIONS, position, end, 2000)
        yield [row["body"] for row in page.rows]
        position = page.position


async def pages_of_replay(connection: asyncpg.Connection) -> AsyncIterator[list[bytes]]:
    position, end = 0, await event_reader.last_position(connection)
    while position < end:
        rows = await replay._page(connection, replay.ReplayRequest(), position, end)
        yield [row["body"] for row in rows]
        position = rows[-1]["position"] if event_reader.is_full(rows, event_reader.PAGE_EVENTS) else end


async def pages_of_verify(connection: asyncpg.Connection) -> AsyncIterator[list[bytes]]:
    async for page in checks._pages(connection, checks._SQL["events"], 1, await event_reader.last_position(connection)):
        yield [row["body"] for row in page]


@pytest.mark.parametrize("pages", [pages_of_projections, pages_of_replay, pages_of_verify])
async def test_no_page_is_much_larger_than_8_mb(stored: asyncpg.Connection, pages: object) -> None:
    sizes = [[len(body) for body in page] async for page in pages(stored)]  # type: ignore[operator]
    assert sum(map(len, sizes)) == 2 * EVENTS
    assert max(map(sum, sizes)) <= 8 * 1024 * 1024 + LONG
