"""The log of offsets, on which the tests of groups rely, sees stale owners and takeovers."""

import asyncpg
import pytest

from tests.support.projections.offset_log import (
    applied,
    install_offset_log,
    moves_by_stale_owners,
    name_session,
    takeover,
    tile,
)

TOPIC = "telnyx.messages"
BEGIN = "insert into telnyx.projection_offsets (topic, partition, next_offset) values ($1, 0, 0)"
CLAIM = "update telnyx.projection_offsets set owner = $2 where topic = $1"
MOVE = "update telnyx.projection_offsets set next_offset = $2 where topic = $1"


@pytest.fixture
async def offset_log(connection: asyncpg.Connection) -> asyncpg.Connection:
    await install_offset_log(connection)
    await connection.execute(BEGIN, TOPIC)
    return connection


async def moves(connection: asyncpg.Connection, name: str, to: int) -> None:
    await name_session(connection, name)
    await connection.execute(MOVE, TOPIC, to)


async def test_a_move_by_a_stale_owner_is_seen(offset_log: asyncpg.Connection) -> None:
    await offset_log.execute(CLAIM, TOPIC, "one")
    await moves(offset_log, "one", 5)
    assert await moves_by_stale_owners(offset_log) == []
    await offset_log.execute(CLAIM, TOPIC, "two")
    await moves(offset_log, "one", 7)
    assert [(row["from_offset"], row["to_offset"]) for row in await moves_by_stale_owners(offset_log)] == [(5, 7)]


async def test_a_takeover_ends_with_the_first_interval_of_the_successor(offset_log: asyncpg.Connection) -> None:
    await offset_log.execute(CLAIM, TOPIC, "one")
    await moves(offset_log, "one", 5)
    since = await offset_log.fetchval("select clock_timestamp()")
    await offset_log.execute(CLAIM, TOPIC, "two")
    assert await takeover(offset_log, TOPIC, "one", since) is None
    await moves(offset_log, "two", 6)
    seconds = await takeover(offset_log, TOPIC, "one", since)
    assert seconds is not None
    assert 0 < seconds < 5
    assert tile(await applied(offset_log, TOPIC), 6)


@pytest.mark.parametrize("intervals", [[(0, 3), (4, 6)], [(0, 3), (2, 6)], [(0, 5)], [(1, 6)], [(0, 6), (6, 6)]])
def test_gaps_and_overlaps_do_not_tile(intervals: list[tuple[int, int]]) -> None:
    assert tile([(0, 2), (2, 6)], 6)
    assert not tile(intervals, 6)
