"""A suspended projection is rebuilt without a gap, even under traffic, and failing events stay dead letters."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import asyncpg
import pytest

from projections.engine.event_reader import PAGE_BYTES
from projections.engine.fault_isolation import FAILURES_IN_A_ROW
from projections.engine.projection import Projection, Rows
from projections.engine.projector import Projector
from projections.rebuild.drift import EXAMPLES
from projections.rebuild.rebuild import rebuild
from projections.rebuild.result import RebuildResult
from projections.rebuild.run import rebuild_run
from projections.registry import projections_named
from projections.sql import queries
from projections.tables.deliveries import DELIVERIES
from projections.tables.inbound import INBOUND
from projections.tables.opt_outs import OPT_OUTS
from schemas.errors import LedgerError, Misconfigured
from schemas.kafka.record import Delivery
from schemas.reading.event import Event
from tests.support.environment.waiting import eventually
from tests.support.projections.faulty_projection import PROJECTIONS_WITH_A_BUG, delivered, letters
from tests.support.projections.signed_records import RING, bodies
from tests.support.projections.ten_dlc import new_projector, onboarding, tables
from tests.support.sql.rows import insert_event, plan
from tests.support.webhooks import builders

REPAIRED = (DELIVERIES, INBOUND, OPT_OUTS)


async def rebuilt(url: str, projection: Projection) -> RebuildResult:
    [result] = await rebuild(url, [projection])
    return result


def projector(url: str, projections: Sequence[Projection], owner: str = "one") -> Projector:
    return Projector(url, keys=RING, verify=False, owner=owner, projections=projections)


async def suspend(url: str, messages: int = 30) -> None:
    """Applies events with the planted bug until `deliveries` is suspended, and then `messages` good ones."""
    buggy = projector(url, PROJECTIONS_WITH_A_BUG)
    await buggy.apply(bodies(*(builders.message_sent(f"bad-{number}") for number in range(FAILURES_IN_A_ROW + 1))))
    await buggy.apply(bodies(*(builders.message_sent(f"missed-{number}") for number in range(messages))))
    await buggy.close()


async def state(connection: asyncpg.Connection, name: str = "deliveries") -> tuple[object, ...]:
    return tuple(
        await connection.fetchrow("select status, version, reason from telnyx.projection_state where name = $1", name)
    )


async def test_a_rebuilt_projection_is_live_and_complete(database_url: str, connection: asyncpg.Connection) -> None:
    await suspend(database_url)
    assert (await state(connection))[0] == "suspended"
    assert await delivered(connection) == []
    seen = []
    [result] = await rebuild(database_url, [DELIVERIES], lambda *progress: seen.append(progress))
    assert (result.events, result.faults, result.live) == (36, {}, True)
    assert [(one.kind, one.rows, len(one.keys)) for one in result.drift] == [("missing", 36, EXAMPLES)]
    assert await state(connection) == ("live", DELIVERIES.version, None)
    assert len(await delivered(connection)) == 36
    assert await letters(connection) == []
    assert seen == [("reading events", 36, 36), ("comparing tables", 1, 1)]


async def test_a_rebuild_under_traffic_misses_no_event(database_url: str, connection: asyncpg.Connection) -> None:
    """Three writers never pause. At the end each of their messages is in the table, by either way."""
    await suspend(database_url, messages=400)
    back = asyncio.Event()
    sent: list[str] = []

    async def write(owner: str) -> None:
        repaired, number, after = projector(database_url, REPAIRED, owner), 0, 0
        while after < 5:
            names = [f"{owner}-{number + item}" for item in range(20)]
            assert (await repaired.apply(bodies(*map(builders.message_sent, names)))).stored == 20
            sent.extend(names)
            number, after = number + 20, after + back.is_set()
        await repaired.close()

    writers = [asyncio.create_task(write(f"w{number}")) for number in range(3)]
    while len(sent) < 200:  # noqa: ASYNC110 -- there is no event to wait for
        await asyncio.sleep(0.01)
    assert not set(await delivered(connection)) & set(sent)
    result = await rebuilt(database_url, DELIVERIES)
    back.set()
    await asyncio.gather(*writers)
    assert result.live
    stored = set(await delivered(connection))
    assert set(sent) <= stored
    assert len(stored) == len(sent) + 406


async def test_a_rebuild_waits_for_a_batch_that_skipped_it(database_url: str, connection: asyncpg.Connection) -> None:
    """The protocol step by step: the batch has read which projections are live, and has not stored its event yet."""
    await suspend(database_url)
    batch = await asyncpg.connect(database_url)
    late = batch.transaction()
    await late.start()
    assert await batch.fetch(queries("dead_letter")["lock_suspended"])
    working = asyncio.create_task(rebuilt(database_url, DELIVERIES))
    waiting = "select count(*) from pg_locks where not granted and relation = 'telnyx.projection_state'::regclass"
    await eventually(lambda: connection.fetchval(waiting), lambda found: found == 1)
    await batch.execute(
        """insert into telnyx.events (event_key, event_type, retention_class, occurred_at, body, account, received_at,
             signature, signed_timestamp, key_id)
           select gen_random_uuid(), event_type, retention_class, occurred_at, $1, account, received_at, signature,
             signed_timestamp, key_id
           from telnyx.events order by position limit 1""",
        builders.encode(builders.message_sent("late")),
    )
    await late.commit()
    assert (await working).live
    assert "late" in await delivered(connection)
    await batch.close()


async def test_a_still_failing_event_is_a_dead_letter_again(database_url: str, connection: asyncpg.Connection) -> None:
    def one_is_left(event: Event, delivery: Delivery) -> Rows:
        if event.payload["id"] == "bad-3":
            raise ZeroDivisionError
        return DELIVERIES.rows(event, delivery)

    await suspend(database_url)
    result = await rebuilt(database_url, replace(DELIVERIES, rows=one_is_left))
    assert (len(result.faults), result.live) == (1, True)
    assert (await state(connection))[0] == "live"
    assert [letter[3] for letter in await letters(connection)] == [2]


async def test_a_stored_body_of_no_event_is_a_dead_letter(database_url: str, connection: asyncpg.Connection) -> None:
    await suspend(database_url)
    await insert_event(connection)  # its type feeds the projection, and its body is not an event
    result = await rebuilt(database_url, DELIVERIES)
    assert (result.events, result.live) == (37, True)
    assert [letter[:2] for letter in await letters(connection)] == [("deliveries", "Unreadable: no_event_type")]


async def test_too_many_failing_events_change_nothing(database_url: str, connection: asyncpg.Connection) -> None:
    await suspend(database_url)
    before = await state(connection)
    result = await rebuilt(database_url, PROJECTIONS_WITH_A_BUG[0])
    assert (len(result.faults), result.given_up, result.live) == (FAILURES_IN_A_ROW + 1, True, False)
    assert await state(connection) == before
    assert await delivered(connection) == []
    assert len(await letters(connection)) == FAILURES_IN_A_ROW + 1


async def test_a_cancelled_rebuild_changes_nothing(database_url: str, connection: asyncpg.Connection) -> None:
    """It is interrupted after it has written everything except the new status."""
    await suspend(database_url)
    before = await state(connection)
    async with connection.transaction():
        await connection.execute("lock table telnyx.dead_letters in access exclusive mode")
        working = asyncio.create_task(rebuilt(database_url, DELIVERIES))
        waiting = "select count(*) from pg_locks where not granted and relation = 'telnyx.dead_letters'::regclass"
        await eventually(lambda: connection.fetchval(waiting), lambda found: found == 1)
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
    assert await state(connection) == before
    assert await delivered(connection) == []
    assert (await rebuilt(database_url, DELIVERIES)).live


async def test_only_one_process_rebuilds_a_projection(database_url: str, connection: asyncpg.Connection) -> None:
    await suspend(database_url)
    await connection.fetchval("select pg_advisory_lock(7310006, hashtext('deliveries'))")
    with pytest.raises(LedgerError, match="another process is rebuilding it"):
        await rebuilt(database_url, DELIVERIES)


async def test_the_lock_is_free_as_soon_as_a_run_has_ended(database_url: str, connection: asyncpg.Connection) -> None:
    held = "select count(*) from pg_locks where locktype = 'advisory' and classid = 7310006"
    for _ in range(50):
        async with rebuild_run(database_url, [DELIVERIES]) as run:
            await run.lock()
            assert await connection.fetchval(held) == 1
        assert await connection.fetchval(held) == 0


async def test_folded_tables_are_rebuilt_too(database_url: str, connection: asyncpg.Connection) -> None:
    ten_dlc = new_projector(database_url)
    await ten_dlc.apply(bodies(*onboarding()))
    expected = await tables(connection)
    await connection.execute(" ".join(f"delete from telnyx.{table};" for table in expected))
    await connection.execute("update telnyx.projection_state set status = 'suspended'")
    [projection] = projections_named(["ten_dlc"])
    assert (await rebuilt(database_url, projection)).live
    assert await tables(connection) == expected
    await ten_dlc.close()


async def test_stored_events_are_read_by_the_position_index(database_url: str, connection: asyncpg.Connection) -> None:
    """The cost of a page depends on the page, not on the number of stored events."""
    await suspend(database_url, messages=2000)
    await connection.execute("analyze telnyx.events")
    page = (100, 1900, ["message.sent"], ["10dlc."], 500, PAGE_BYTES)
    found = await plan(connection, queries("event_reader")["between_positions"], *page)
    assert "position_idx" in found
    assert "Seq Scan" not in found
    assert "Sort Key" not in found or "Merge Append" in found


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(Misconfigured, match="delivery: no projection of this name; there are deliveries, inbound"):
        projections_named(["delivery"])
