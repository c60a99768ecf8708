"""Seals cover all positions without overlap under concurrent sealers and writers, and follow the contract."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from hashlib import sha256

import asyncpg
import pytest

from projections.engine.database import connect
from projections.integrity.sealing import keep_sealing, newest_seal, seal_now
from projections.sql import queries
from tests.support.environment.tcp_proxy import proxied
from tests.support.environment.waiting import eventually, until
from tests.support.projections.merkle_by_definition import by_definition
from tests.support.sql.rows import insert_event, insert_many_events

SEALS = "select * from telnyx.event_seals order by seq"
LONG = timedelta(hours=1)


async def store(connection: asyncpg.Connection, number: int) -> None:
    for nth in range(number):
        class_ = ("traffic", "consent", "registry")[nth % 3]
        await insert_event(connection, body=b"body %d" % nth, retention_class=class_)


async def seal(connection: asyncpg.Connection, events_a_seal: int = 10) -> list[int]:
    """Seals everything. Gives the sizes of the new seals."""
    return [made.events async for made in seal_now(connection, events_a_seal=events_a_seal)]


async def check(connection: asyncpg.Connection) -> list[int]:
    """Compares every seal with the definition and the events. Gives the number of events of each."""
    after, chain, sizes = 0, bytes(32), []
    for number, row in enumerate(await connection.fetch(SEALS), start=1):
        assert (row["seq"], row["first_position"]) == (number, after + 1)
        inside = "select * from telnyx.events where position between $1 and $2 order by position"
        events = await connection.fetch(inside, row["first_position"], row["last_position"])
        assert events[-1]["position"] == row["last_position"]
        leaves = [
            sha256(b"\0" + e["position"].to_bytes(8) + e["event_key"].bytes + sha256(e["body"]).digest()).digest()
            for e in events
        ]
        last = row["last_position"].to_bytes(8)
        chain = sha256(chain + by_definition(leaves) + last).digest()
        assert (row["events"], row["root"], row["chain"]) == (len(events), by_definition(leaves), chain)
        after = row["last_position"]
        sizes.append(len(events))
    assert await connection.fetchval("select seals from telnyx.seal_count") == len(sizes)
    return sizes


async def test_seals_follow_the_contract(connection: asyncpg.Connection) -> None:
    assert await seal(connection) == []
    await store(connection, 25)
    await connection.fetch("select nextval('telnyx.events_position_seq') from generate_series(1, 7)")
    await store(connection, 6)
    assert await seal(connection) == [10, 10, 10, 1]
    assert await seal(connection) == []
    await store(connection, 1)
    assert await seal(connection) == [1]
    assert await check(connection) == [10, 10, 10, 1, 1]


async def test_concurrent_sealers_never_seal_a_range_twice(database_url: str, connection: asyncpg.Connection) -> None:
    await store(connection, 60)
    others = [await connect(database_url) for _ in range(6)]
    made = await asyncio.gather(*(seal(other, 3) for other in others))
    assert sum(sum(sizes) for sizes in made) == 60
    assert await check(connection) == [3] * 20
    for other in others:
        await other.close()


async def test_no_event_is_committed_below_a_seal(database_url: str, connection: asyncpg.Connection) -> None:
    """Writers roll back or commit slowly while a sealer never pauses."""

    async def write(number: int) -> None:
        writer = await asyncpg.connect(database_url)
        for turn in range(12):
            with suppress(ZeroDivisionError):
                async with writer.transaction():
                    await writer.execute(queries("events")["lock_append"])
                    await store(writer, 2)
                    await asyncio.sleep(0.005 * (number + turn % 3))
                    if turn % 4 == number:
                        raise ZeroDivisionError
        await writer.close()

    async def seal_on() -> None:
        sealer = await connect(database_url)
        try:
            while True:
                await seal(sealer, 5)
                await asyncio.sleep(0)
        finally:
            sealer.terminate()

    await store(connection, 3)  # creates the partitions
    sealing = asyncio.create_task(seal_on())
    await asyncio.gather(*(write(number) for number in range(4)))
    sealing.cancel()
    await asyncio.gather(sealing, return_exceptions=True)
    await seal(connection)
    assert sum(await check(connection)) == await connection.fetchval("select count(*) from telnyx.events") == 3 + 72
    assert await connection.fetchval("select last_value > 75 from telnyx.events_position_seq")


@asynccontextmanager
async def sealing(url: str, **limits: object) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(keep_sealing(url, every_seconds=0.05, **limits))  # type: ignore[arg-type]
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=10)
        assert task.done()


async def sealed(connection: asyncpg.Connection, events: int) -> None:
    probe = "select coalesce(sum(events), 0)::int from telnyx.event_seals"
    await eventually(lambda: connection.fetchval(probe), lambda seen: seen == events)


async def test_a_seal_is_made_of_enough_unsealed_events(database_url: str, connection: asyncpg.Connection) -> None:
    async with sealing(database_url, events_a_seal=4, longest_unsealed=LONG):
        await store(connection, 11)
        await sealed(connection, 8)
        await store(connection, 1)
        await sealed(connection, 12)
    assert await check(connection) == [4, 4, 4]


async def test_a_seal_is_made_when_an_event_waited_too_long(database_url: str, connection: asyncpg.Connection) -> None:
    async with sealing(database_url, events_a_seal=1000, longest_unsealed=timedelta()):
        await store(connection, 1)
        await sealed(connection, 1)
        await store(connection, 1)
        await sealed(connection, 2)
    assert await check(connection) == [1, 1]


async def test_sealing_continues_after_a_lost_connection(database_url: str, connection: asyncpg.Connection) -> None:
    async with sealing(database_url, events_a_seal=1, longest_unsealed=LONG) as task:
        for number in range(1, 4):
            await store(connection, 1)
            await sealed(connection, number)
            assert await connection.fetchval(
                "select bool_and(pg_terminate_backend(pid)) from pg_stat_activity"
                " where datname = current_database() and application_name = 'telnyx-ledger'"
            )
        assert not task.done()
    await check(connection)


async def test_a_login_without_the_right_to_seal_is_logged_and_nothing_stops(
    database_url: str, connection: asyncpg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    await store(connection, 1)
    await connection.execute("alter table telnyx.seal_count rename to elsewhere")
    async with sealing(database_url, events_a_seal=1, longest_unsealed=LONG) as task:
        await until(lambda: capsys.readouterr().out, lambda seen: "not_sealed" in seen)
        assert not task.done()


async def test_sealing_can_be_cancelled_on_a_frozen_server(database_url: str, connection: asyncpg.Connection) -> None:
    """It is cancelled in a transaction, where a rollback would wait for the server."""
    await store(connection, 1)
    blocker = await asyncpg.connect(database_url)
    await blocker.execute("begin; lock table telnyx.seal_count in access exclusive mode")
    async with proxied(database_url) as (proxy, url), sealing(url, events_a_seal=1, longest_unsealed=LONG):
        waits = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        await eventually(lambda: connection.fetchval(waits), lambda seen: seen == 1)
        proxy.freeze()
    await blocker.close()

    async def tasks() -> int:
        await asyncio.sleep(0.01)  # the transports close
        return len(asyncio.all_tasks())

    await eventually(tasks, lambda seen: seen == 1)  # the driver keeps a task that notifies the server


async def test_the_number_of_a_seal_is_never_used_twice(connection: asyncpg.Connection) -> None:
    await store(connection, 2)
    await seal(connection, 1)
    await connection.execute("alter table telnyx.event_seals disable trigger all")
    await connection.execute("delete from telnyx.event_seals where seq = 2")
    assert await seal(connection) == [1]
    newest = await newest_seal(connection)
    assert newest is not None
    assert (newest.seq, newest.first_position, newest.last_position) == (3, 2, 2)


async def test_the_query_for_a_due_seal_reads_by_index(connection: asyncpg.Connection) -> None:
    await insert_many_events(connection)
    lines = await connection.fetch(f"explain (costs off) {queries('seals')['due']}", 0, 100, timedelta(minutes=10))
    shown = "\n".join(line[0] for line in lines)
    assert "Seq Scan" not in shown, shown
