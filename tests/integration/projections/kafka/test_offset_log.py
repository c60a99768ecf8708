"""The journal that the tests of groups rely on sees what it is there to see."""

import asyncpg
import pytest

from tests.support.projections.offset_log import applied, by_stale_owners, keep_journal, sign_session, takeover, tile

TOPIC = "telnyx.messages"
BEGIN = "insert into telnyx.projection_offsets (topic, partition, next_offset) values ($1, 0, 0)"
CLAIM = "update telnyx.projection_offsets set owner = $2 where topic = $1"
MOVE = "update telnyx.projection_offsets set next_offset = $2 where topic = $1"


@pytest.fixture
async def journal(connection: asyncpg.Connection) -> asyncpg.Connection:
    await keep_journal(connection)
    await connection.execute(BEGIN, TOPIC)
    return connection


async def moves(connection: asyncpg.Connection, name: str, to: int) -> None:
    await sign_session(connection, name)
    await connection.execute(MOVE, TOPIC, to)


async def test_who_moves_what_another_one_holds_is_seen(journal: asyncpg.Connection) -> None:
    await journal.execute(CLAIM, TOPIC, "one")
    await moves(journal, "one", 5)
    assert await by_stale_owners(journal) == []
    await journal.execute(CLAIM, TOPIC, "two")
    await moves(journal, "one", 7)
    assert [(row["from_offset"], row["to_offset"]) for row in await by_stale_owners(journal)] == [(5, 7)]


async def test_a_takeover_is_counted_to_the_first_interval_of_the_successor(journal: asyncpg.Connection) -> None:
    await journal.execute(CLAIM, TOPIC, "one")
    await moves(journal, "one", 5)
    since = await journal.fetchval("select clock_timestamp()")
    await journal.execute(CLAIM, TOPIC, "two")
    assert await takeover(journal, TOPIC, "one", since) is None
    await moves(journal, "two", 6)
    seconds = await takeover(journal, TOPIC, "one", since)
    assert seconds is not None
    assert 0 < seconds < 5
    assert tile(await applied(journal, TOPIC), 6)


@pytest.mark.parametrize("intervals", [[(0, 3), (4, 6)], [(0, 3), (2, 6)], [(0, 5)], [(1, 6)], [(0, 6), (6, 6)]])
def test_gaps_and_overlaps_do_not_tile(intervals: list[tuple[int, int]]) -> None:
    assert tile([(0, 2), (2, 6)], 6)
    assert not tile(intervals, 6)
