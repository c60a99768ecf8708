"""Laws over streams: every table is a function of the set of events, and equals the oracle's table.

Each law runs on generated streams in a real Postgres and compares all contract columns of all tables. Hypothesis
shrinks a failing stream; the assertion lists the columns that differ.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projections.engine.projector import Projector
from tests.oracle import compare
from tests.oracle.opt_outs import deciding_event, opt_outs_as_of
from tests.oracle.tables import stored_events, tables
from tests.support.projections.apply import allow_clearing, apply, clear, closing, expected_delivery, new_projector
from tests.support.streams import MOMENTS, Webhook, parts, repeated, shuffled, split, streams

LAW = settings(
    max_examples=200,
    deadline=None,
    derandomize=True,  # the same streams in every run
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
# 200 examples of a law take 100 s on a busy machine.
pytestmark = pytest.mark.timeout(900)
END_OF_TIME = datetime.max.replace(tzinfo=UTC)  # asyncpg's 'infinity'
SEEDS = st.integers(0, 2**32)


@pytest.fixture
async def ledger(connection: asyncpg.Connection) -> asyncpg.Connection:
    """A connection that may clear the tables between examples."""
    await allow_clearing(connection)
    return connection


@pytest.fixture
async def projector(database_url: str) -> AsyncIterator[Projector]:
    """One for all examples of a law; `clear` deletes everything that it stored."""
    async with closing(new_projector(database_url)) as opened:
        yield opened


async def check(ledger: asyncpg.Connection, order: Sequence[Webhook]) -> None:
    """Postgres holds the oracle's rows of the deliveries in this order."""
    expected = tables([expected_delivery(webhook) for webhook in order])
    assert compare.differences(expected, await compare.stored_tables(ledger)) == []
    assert await ledger.fetchval("select count(*) from telnyx.dead_letters") == 0


@LAW
@given(stream=streams(), seed=SEEDS)
async def test_any_order_gives_the_same_rows(
    projector: Projector, ledger: asyncpg.Connection, stream: list[Webhook], seed: int
) -> None:
    order = shuffled(stream, seed)
    await clear(ledger)
    await apply(projector, [[webhook] for webhook in order])
    await check(ledger, order)


@LAW
@given(stream=streams(), seed=SEEDS)
async def test_any_repetition_gives_the_same_rows(
    projector: Projector, ledger: asyncpg.Connection, stream: list[Webhook], seed: int
) -> None:
    order = repeated(stream, seed)
    await clear(ledger)
    await apply(projector, split(order, seed))
    await check(ledger, order)


@LAW
@given(stream=streams(), seed=SEEDS)
async def test_any_batching_gives_the_same_rows(
    projector: Projector, ledger: asyncpg.Connection, stream: list[Webhook], seed: int
) -> None:
    for batches in ([stream], split(stream, seed)):
        await clear(ledger)
        await apply(projector, batches)
        await check(ledger, stream)


@LAW
@given(stream=streams(), seed=SEEDS)
async def test_any_restart_gives_the_same_rows(
    database_url: str, ledger: asyncpg.Connection, stream: list[Webhook], seed: int
) -> None:
    """Three projectors; each repeats the last batches of its predecessor."""
    await clear(ledger)
    before: Sequence[Webhook] = []
    for part in parts(stream, seed):
        async with closing(new_projector(database_url)) as projector:
            await apply(projector, [batch for batch in (before, part) if batch])
        before = part
    await check(ledger, stream)


@LAW
@given(stream=streams(messages=18, ten_dlc=0, resources=0), seed=SEEDS, at=MOMENTS, known_at=st.none() | MOMENTS)
async def test_opt_outs_as_of_a_moment_follow_the_events_up_to_it(
    projector: Projector,
    ledger: asyncpg.Connection,
    stream: list[Webhook],
    seed: int,
    at: datetime,
    known_at: datetime | None,
) -> None:
    order = repeated(stream, seed)
    await clear(ledger)
    await apply(projector, [order])
    events = stored_events([expected_delivery(webhook) for webhook in order])
    expected = opt_outs_as_of(events, at, known_at)
    found = await compare.stored_rows(
        ledger,
        compare.KEYS["opt_outs"],
        f"select {compare.COLUMNS['opt_outs']} from telnyx.opt_outs_as_of($1::timestamptz, $2::timestamptz)",
        at,
        known_at or END_OF_TIME,
    )
    assert compare.rows_differences("opt_outs_as_of", expected, found) == []
    for profile, person in expected:
        evidence = await ledger.fetch("select event_key from telnyx.opt_out_evidence($1, $2, $3)", profile, person, at)
        decided = deciding_event(events, str(profile), str(person), at)
        assert [str(row["event_key"]) for row in evidence] == [str(decided)]
