"""A retry takes the path that the event took first, and an event that fails again is counted."""

from dataclasses import replace

import asyncpg
import pytest

from projections.engine import event_reader
from projections.engine.projector import Projector
from projections.recovery.dead_letters import dead_letters, retry
from projections.tables.deliveries import DELIVERIES
from projections.tables.inbound import INBOUND
from projections.tables.opt_outs import OPT_OUTS
from tests.support.projections.faulty_projection import PROJECTIONS_WITH_A_BUG, buggy, delivered
from tests.support.projections.signed_records import RING, bodies
from tests.support.webhooks import builders

MENDED = (DELIVERIES, INBOUND, OPT_OUTS)
HALF_MENDED = (
    replace(
        DELIVERIES,
        rows=lambda event, delivery: (
            buggy(event, delivery) if event.payload["id"] == "bad-1" else DELIVERIES.rows(event, delivery)
        ),
    ),
    INBOUND,
)


@pytest.fixture
async def broken(database_url: str) -> None:
    """Three dead letters of `deliveries` beside one good row."""
    projector = Projector(database_url, keys=RING, verify=False, owner="one", projections=PROJECTIONS_WITH_A_BUG)
    batch = [builders.message_sent(name) for name in ("bad-1", "good", "bad-2", "bad-3")]
    assert (await projector.apply(bodies(*batch))).dead_letters == {"deliveries": 3}
    await projector.close()


async def test_a_retry_after_the_repair_leaves_no_dead_letter(broken: None, connection: asyncpg.Connection) -> None:
    assert await retry(connection, projections=MENDED) == 3
    assert await dead_letters(connection) == []
    assert await delivered(connection) == ["bad-1", "bad-2", "bad-3", "good"]


async def test_only_an_event_that_fails_again_stays_a_dead_letter(broken: None, connection: asyncpg.Connection) -> None:
    assert await retry(connection, "deliveries", projections=HALF_MENDED) == 2
    [left] = await dead_letters(connection)
    assert (left.projection, left.error_class, left.attempts) == ("deliveries", "ZeroDivisionError", 2)
    assert await delivered(connection) == ["bad-2", "bad-3", "good"]


async def test_dead_letters_without_projection_or_event_stay(broken: None, connection: asyncpg.Connection) -> None:
    await connection.execute(
        "insert into telnyx.dead_letters values ('deliveries', gen_random_uuid(), 'E', null, now(), 1),"
        " ('of another release', gen_random_uuid(), 'E', null, now(), 1)"
    )
    assert await retry(connection, "inbound", projections=MENDED) == 0
    assert await retry(connection, projections=MENDED) == 3
    assert [letter.attempts for letter in await dead_letters(connection)] == [1, 1]


async def test_the_events_are_looked_up_in_their_months(
    broken: None, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(event_reader._SQL, "by_key", "select 1 / 0 where $1::uuid[] is not null")
    assert await retry(connection, projections=MENDED) == 3


async def test_dead_letters_from_before_their_place_was_noted_are_retried_too(
    broken: None, connection: asyncpg.Connection
) -> None:
    await connection.execute("update telnyx.dead_letters set retention_class = null, occurred_at = null")
    assert await retry(connection, projections=MENDED) == 3
