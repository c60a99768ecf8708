"""Several projectors on one database: they never deadlock, and polling `events` by position misses nothing.

Each law is also tried without the safeguard that makes it true, and then fails.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
import pytest

from projections.engine import event_store
from projections.engine.batch import Incoming
from projections.engine.projector import Projector
from projections.engine.table import Row, Table
from projections.registry import PROJECTIONS
from schemas.errors import Unavailable
from tests.support.environment.waiting import eventually
from tests.support.projections.signed_records import RING, bodies
from tests.support.sql.connections import connected
from tests.support.webhooks import builders

WRITERS = 3
BATCHES = 100  # of each
BATCH_EVENTS = 40
PEOPLE = [f"+1312555{number:04}" for number in range(30)]
DEADLOCKS = "select deadlocks from pg_stat_database where datname = current_database()"
OTHERS = (
    "select count(*) from pg_stat_activity where application_name = 'telnyx-ledger' and datname = current_database()"
)
POLL = "select position, event_key from telnyx.events where position > $1 order by position limit 100"
fold = Table.fold


@asynccontextmanager
async def projectors(database_url: str, count: int) -> AsyncIterator[list[Projector]]:
    """This many projectors, each with a separate connection."""
    async with AsyncExitStack() as opened:
        found = []
        for number in range(count):
            found.append(
                Projector(database_url, keys=RING, verify=False, owner=f"writer-{number}", projections=PROJECTIONS)
            )
            opened.push_async_callback(found[-1].close)
        yield found


def pool() -> list[Incoming]:
    """Events of few messages and few people: any two batches touch the same rows in every table."""
    return bodies(
        *[builders.message_sent(f"m{number}", person) for number, person in enumerate(PEOPLE)],
        *[builders.message_finalized(f"m{number}", person) for number, person in enumerate(PEOPLE)],
        *[builders.send_refused(f"r{number}", person) for number, person in enumerate(PEOPLE)],
        *[builders.stop_received(f"stop{number}", person) for number, person in enumerate(PEOPLE)],
        *[builders.start_received(f"start{number}", person) for number, person in enumerate(PEOPLE)],
        *[builders.campaign_update(f"c{number}", type="REGISTRATION", status="ACCEPTED") for number in range(10)],
        *[builders.hosted_order(order_id=f"o{number}") for number in range(10)],
        *[builders.toll_free_update(f"t{number}") for number in range(10)],
        *[builders.link_clicked(f"m{number}") for number in range(10)],
        *[builders.message_sent(f"batch{number}", PEOPLE[0]) for number in range(WRITERS * BATCHES)],
    )


async def write(projector: Projector, batches: Iterable[Sequence[Incoming]]) -> int:
    """Apply the batches in turn, each with one new event. Returns the number of applied events."""
    applied = 0
    for batch in batches:
        await projector.apply(batch)
        applied += 1
    return applied


def overlapping(writer: int) -> list[list[Incoming]]:
    shared, own = pool()[: -WRITERS * BATCHES], pool()[-WRITERS * BATCHES :]
    choose = random.Random(writer)
    return [[*choose.sample(shared, BATCH_EVENTS - 1), own[writer * BATCHES + number]] for number in range(BATCHES)]


async def test_three_writers_of_the_same_rows_never_deadlock(database_url: str, connection: asyncpg.Connection) -> None:
    before = await connection.fetchval(DEADLOCKS)
    async with projectors(database_url, WRITERS) as writers:
        work = [write(one, overlapping(number)) for number, one in enumerate(writers)]
        assert await asyncio.gather(*work) == [BATCHES] * WRITERS
    await eventually(lambda: connection.fetchval(OTHERS), lambda seen: seen == 0)  # they report when they end
    assert await connection.fetchval(DEADLOCKS) == before
    assert (
        await connection.fetchval("select count(*) from telnyx.message_deliveries where message_id ~ '^batch'") == 300
    )
    assert await connection.fetchval("select count(*) from telnyx.dead_letters") == 0


async def test_writers_that_do_not_sort_deadlock_at_once(
    database_url: str, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsorted(table: Table, rows: Iterable[Row]) -> list[Row]:
        found = fold(table, rows)
        random.shuffle(found)
        return found

    monkeypatch.setattr(Table, "fold", unsorted)
    database = await connection.fetchval("select current_database()")
    await connection.execute(f"alter database {database} set deadlock_timeout = '20ms'")
    async with projectors(database_url, WRITERS) as writers:
        work = [write(one, overlapping(number)) for number, one in enumerate(writers)]
        ends = await asyncio.gather(*work, return_exceptions=True)
    assert "DeadlockDetectedError" in " ".join(map(str, ends))
    assert any(isinstance(end, Unavailable) for end in ends)
    await eventually(lambda: connection.fetchval(OTHERS), lambda seen: seen == 0)
    assert await connection.fetchval(DEADLOCKS) > 0


async def poll(database_url: str, done: asyncio.Event) -> set[str]:
    """The keys that a reader sees who keeps only the last position, until there are no more."""
    seen: set[str] = set()
    last = 0
    async with connected(database_url) as reader:
        while True:
            ended = done.is_set()
            rows = await reader.fetch(POLL, last)
            seen.update(str(row["event_key"]) for row in rows)
            last = rows[-1]["position"] if rows else last
            if ended and not rows:
                return seen


async def missed(database_url: str, connection: asyncpg.Connection, *, writers: int = 8, batches: int = 25) -> int:
    """The number of events that a poller misses while this many projectors append."""
    done = asyncio.Event()
    async with projectors(database_url, writers) as opened:
        for projector in opened:
            await projector.connect()
        poller = asyncio.create_task(poll(database_url, done))
        work = [
            write(projector, [bodies(*messages(f"{number}-{batch}")) for batch in range(batches)])
            for number, projector in enumerate(opened)
        ]
        await asyncio.gather(*work)
        done.set()
        seen = await poller
    stored = {str(row[0]) for row in await connection.fetch("select event_key from telnyx.events")}
    assert len(stored) == writers * batches * 5
    assert seen <= stored
    return len(stored - seen)


def messages(name: str) -> list[builders.Json]:
    return [builders.message_sent(f"{name}-{number}") for number in range(5)]


async def test_polling_by_position_misses_no_writers_event(database_url: str, connection: asyncpg.Connection) -> None:
    assert await missed(database_url, connection) == 0


async def test_without_the_append_lock_polling_misses_events(
    database_url: str, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_store, "_SQL", {**event_store._SQL, "lock_append": "select 1"})
    assert await missed(database_url, connection) > 0
