"""The price of updates: they stay in their page (HOT), and a duplicate makes none."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from projections.engine.projector import Projector
from projections.registry import PROJECTIONS
from tests.oracle import compare
from tests.support.projections.apply import apply, closing, new_projector
from tests.support.projections.signed_records import RING, bodies
from tests.support.streams import Webhook
from tests.support.webhooks import builders
from tests.support.webhooks.fixture_expectations import CASES, RECEIVED_AT, case_body

BATCH = 500


@pytest.fixture
async def projector(database_url: str) -> AsyncIterator[Projector]:
    opened = Projector(database_url, keys=RING, verify=False, owner="one", projections=PROJECTIONS)
    yield opened
    await opened.close()


async def updates(connection: asyncpg.Connection) -> tuple[int, int]:
    """(updates of message_deliveries, those of them that are HOT), once the server has counted all of them."""
    await asyncio.sleep(1.5)  # a session reports at most once a second
    found = await connection.fetchrow("""
        select n_tup_upd, n_tup_hot_upd from pg_stat_user_tables where relid = 'telnyx.message_deliveries'::regclass
    """)
    assert found is not None
    return found[0], found[1]


async def hot_share(projector: Projector, connection: asyncpg.Connection) -> float:
    """The share of HOT updates where each full batch of `sent` is followed by one of `finalized`."""
    for number in range(4):
        people = [(f"{number}-{nth}", f"+1312{number * BATCH + nth:07}") for nth in range(BATCH)]
        await projector.apply(bodies(*(builders.message_sent(message, person) for message, person in people)))
        await projector.apply(bodies(*(builders.message_finalized(message, person) for message, person in people)))
    await projector.close()  # its session reports at its end
    every, hot = await updates(connection)
    assert every == 4 * BATCH
    return hot / every


async def test_updates_of_full_batches_stay_in_their_page(projector: Projector, connection: asyncpg.Connection) -> None:
    assert await hot_share(projector, connection) >= 0.95


async def test_most_would_leave_it_with_less_room(projector: Projector, connection: asyncpg.Connection) -> None:
    await connection.execute("alter table telnyx.message_deliveries set (fillfactor = 80)")
    assert await hot_share(projector, connection) < 0.6


async def versions(connection: asyncpg.Connection) -> dict[str, list[tuple[object, ...]]]:
    """Every row's place and the transaction that wrote it, by table."""
    tables = [name for name in compare.COLUMNS if name != "events"]
    rows = {
        name: await connection.fetch(f"select xmin::text, ctid::text from telnyx.{name} order by 2") for name in tables
    }
    return {name: [tuple(row) for row in found] for name, found in rows.items()}


async def test_a_duplicate_writes_no_row(database_url: str, connection: asyncpg.Connection) -> None:
    async with closing(new_projector(database_url)) as projector:
        webhooks = [Webhook(case_body(name), "a", RECEIVED_AT) for name in sorted(CASES)]
        await apply(projector, [webhooks])
        before = await versions(connection)
        assert sum(map(len, before.values())) > 40
        await apply(projector, [webhooks, list(reversed(webhooks))])
        assert await versions(connection) == before
