"""A projection that fails leaves dead letters or is suspended; everything else goes on."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from projections.engine.projector import Applied, Fenced, Projector
from schemas.errors import Unavailable
from tests.support.projections.faulty_projection import PROJECTIONS_WITH_A_BUG, delivered, letters
from tests.support.projections.signed_records import RING, bodies
from tests.support.projections.stored_offsets import advance, claim, offsets
from tests.support.webhooks import builders


@pytest.fixture
async def projector(database_url: str) -> AsyncIterator[Projector]:
    opened = Projector(database_url, keys=RING, verify=False, owner="one", projections=PROJECTIONS_WITH_A_BUG)
    yield opened
    await opened.close()


async def status(connection: asyncpg.Connection) -> dict[str, str]:
    return {row[0]: row[1] for row in await connection.fetch("select name, status from telnyx.projection_state")}


async def test_one_bad_event_alone_becomes_a_dead_letter(projector: Projector, connection: asyncpg.Connection) -> None:
    await claim(connection, 0)
    good = [builders.message_sent(f"good-{number}") for number in range(20)]
    batch = bodies(*good[:11], builders.message_sent("bad"), builders.stop_received(), *good[11:])
    assert await projector.apply(batch, [advance(0, 0, 22)]) == Applied(22, 0, {}, {"deliveries": 1})
    assert await delivered(connection) == sorted(f"good-{number}" for number in range(20))
    assert await letters(connection) == [("deliveries", "ZeroDivisionError", None, 1)]
    assert await connection.fetchval("select count(*) from telnyx.events") == 22
    assert await connection.fetchval("select opted_out from telnyx.opt_outs")
    assert await offsets(connection) == [(0, 22)]
    assert set((await status(connection)).values()) == {"live"}


async def test_a_database_error_is_found_by_bisection_too(projector: Projector, connection: asyncpg.Connection) -> None:
    await connection.execute(
        "alter table telnyx.message_deliveries add constraint planted check (message_id not like 'poison%')"
    )
    batch = bodies(*(builders.message_sent(name) for name in ("a", "poison", "b", "poison-2", "c")))
    assert (await projector.apply(batch)).dead_letters == {"deliveries": 2}
    assert await delivered(connection) == ["a", "b", "c"]
    assert await letters(connection) == [("deliveries", "CheckViolationError", "23514", 1)] * 2
    assert (await projector.apply(batch)).stored == 0
    assert await letters(connection) == [("deliveries", "CheckViolationError", "23514", 2)] * 2


async def test_a_projection_that_fails_too_often_is_suspended_and_nothing_else_stops(
    projector: Projector, connection: asyncpg.Connection
) -> None:
    bad = [builders.message_sent(f"bad-{number}") for number in range(40)]
    applied = await projector.apply(bodies(*bad, builders.stop_received()))
    assert applied == Applied(41, 0, {}, {"deliveries": 6})
    assert await status(connection) == {"deliveries": "suspended", "inbound": "live", "opt_outs": "live"}
    later = await projector.apply(bodies(builders.message_sent("bad-41"), builders.message_received("later")))
    assert later == Applied(2, 0)
    assert await connection.fetchval("select count(*) from telnyx.inbound_messages") == 2
    assert await delivered(connection) == []
    assert len(await letters(connection)) == 6


async def test_more_than_one_percent_of_failures_suspends(projector: Projector, connection: asyncpg.Connection) -> None:
    for batch in range(11):
        good = [builders.message_sent(f"good-{batch}-{number}") for number in range(40)]
        assert set((await status(connection)).values()) <= {"live"}
        await projector.apply(bodies(*good, builders.message_sent(f"bad-{batch}")))
    assert (await status(connection))["deliveries"] == "suspended"


async def test_an_outage_makes_no_dead_letter(
    projector: Projector, connection: asyncpg.Connection, database_url: str
) -> None:
    await projector.apply(bodies(builders.message_sent("a")))
    blocker = await asyncpg.connect(database_url)
    async with blocker.transaction():
        await blocker.execute("lock table telnyx.message_deliveries in access exclusive mode")
        session = await projector.connect()
        await session.execute("set lock_timeout = '100ms'")
        with pytest.raises(Unavailable):
            await projector.apply(bodies(builders.message_sent("bad"), builders.message_sent("b")))
    await blocker.close()
    assert await letters(connection) == []
    assert (await projector.apply(bodies(builders.message_sent("b")))).stored == 1


async def test_a_projection_suspended_elsewhere_is_skipped(
    projector: Projector, connection: asyncpg.Connection
) -> None:
    await projector.connect()
    await connection.execute("update telnyx.projection_state set status = 'rebuilding' where name = 'deliveries'")
    assert await projector.apply(bodies(builders.message_sent("a"))) == Applied(1, 0)
    assert await delivered(connection) == []
    await connection.execute("update telnyx.projection_state set status = 'live'")
    assert await projector.apply(bodies(builders.message_sent("a"))) == Applied(0, 1)
    assert await delivered(connection) == ["a"]


async def test_a_rolled_back_batch_counts_no_failures(projector: Projector, connection: asyncpg.Connection) -> None:
    await claim(connection, 0)
    bad = bodies(*(builders.message_sent(f"bad-{number}") for number in range(3)))
    for _ in range(4):  # would be 12 failures in a row
        with pytest.raises(Fenced):
            await projector.apply(bad, [advance(0, 7, 8)])
    assert await letters(connection) == []
    assert await projector.apply(bad, [advance(0, 0, 3)]) == Applied(3, 0, {}, {"deliveries": 3})
    assert set((await status(connection)).values()) == {"live"}
