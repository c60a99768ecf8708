"""After an older copy took over, no client that polls by position misses an event, and verify names the epoch."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from projections.engine.projector import Projector
from projections.integrity.plan import plan_verification
from projections.integrity.sealing import seal_now
from projections.rebuild.rebuild import check
from projections.registry import PROJECTIONS
from projections.sql import queries
from tests.support.environment.postgres import PostgresServer
from tests.support.projections.signed_records import RING, bodies
from tests.support.webhooks import builders

POLL = "select count(*) from telnyx.events where position > $1"


async def store(url: str, name: str) -> None:
    projector = Projector(url, keys=RING, verify=False, owner="one", projections=PROJECTIONS)
    await projector.apply(bodies(*(builders.message_sent(f"{name}-{number}") for number in range(10))))
    await projector.close()


async def seal(connection: asyncpg.Connection) -> bytes:
    return [made async for made in seal_now(connection, events_a_seal=5)][-1].chain


@pytest.fixture
def copy_of(postgres_server: PostgresServer, database_url: str) -> Iterator[list[str]]:
    copies: list[str] = []
    yield copies
    for name in copies:
        postgres_server.drop(name)


@pytest.fixture
async def copied(
    postgres_server: PostgresServer, database_url: str, copy_of: list[str]
) -> AsyncIterator[tuple[asyncpg.Connection, str, int, bytes]]:
    """An older copy, and what a client of the newer database knows: its last position and a chain value."""
    await store(database_url, "before")
    connection = await asyncpg.connect(database_url)
    await seal(connection)
    await connection.close()
    name = await asyncio.to_thread(postgres_server.create, database_url.rpartition("/")[2])
    copy_of.append(name)
    await store(database_url, "lost")
    connection = await asyncpg.connect(database_url)
    chain = await seal(connection)
    position = await connection.fetchval("select max(position) from telnyx.events")
    await connection.close()
    url = postgres_server.url_of(name)
    connection = await asyncpg.connect(url)
    yield connection, url, position, chain
    await connection.close()


async def test_positions_go_on_above_everything_that_was_read(
    copied: tuple[asyncpg.Connection, str, int, bytes],
) -> None:
    connection, url, position, chain = copied
    [found] = (await plan_verification(connection, [chain])).findings
    assert found.problem == "no seal has it: the seal was changed or removed"
    await connection.fetch(queries("epochs")["begin"], "test")
    await store(url, "after")
    assert await connection.fetchval(POLL, position) == 10
    [found] = (await plan_verification(connection, [chain])).findings
    assert "an older copy, with 2 seals up to position 10, took over at " in found.problem
    await seal(connection)
    assert len((await plan_verification(connection)).findings) == 0
    results = await asyncio.wait_for(check(url, PROJECTIONS), 20)  # a page of positions at a time would take minutes
    assert [(result.rows, result.faults) for result in results] == [(0, {})] * len(PROJECTIONS)


async def test_an_epoch_is_the_owners_and_never_changes(connection: asyncpg.Connection) -> None:
    await connection.fetch(queries("epochs")["begin"], "test")
    for change in ("update telnyx.store_epochs set reason = ''", "delete from telnyx.store_epochs"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
            await connection.execute(change)
    await connection.execute("set role telnyx_writer")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.fetch(queries("epochs")["begin"], "test")
