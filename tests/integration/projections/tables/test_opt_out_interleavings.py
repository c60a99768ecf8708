"""Two projectors write one person's STOP and START in overlapping transactions, in every interleaving of steps.

The real Projector runs over a real connection, behind a gate that lets one step of one transaction through at a time. A
step that waits for a lock in Postgres stays under way while the other transaction continues.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import combinations
from typing import Any

import asyncpg
import pytest

from projections.engine.projector import Projector
from projections.tables.opt_outs import OPT_OUT_EVENTS, OPT_OUTS
from tests.support.projections.signed_records import RING, bodies
from tests.support.webhooks import builders

STEPS = 4  # facts, lock, fold, commit: nothing between them is visible to the other transaction
REFOLD = OPT_OUTS.refold
assert REFOLD is not None


class Gated:
    """A connection that stops before each step until it gets a permit, and reports that it has stopped."""

    def __init__(self, connection: asyncpg.Connection, lock: str) -> None:
        self._connection = connection
        self._gates = {OPT_OUT_EVENTS.upsert, lock, REFOLD.fold}  # type: ignore[union-attr]
        self._permits = asyncio.Semaphore(0)
        self.waiting = asyncio.Event()
        self.pid = connection.get_server_pid()

    async def _pass(self) -> None:
        self.waiting.set()
        await self._permits.acquire()

    def let_through(self) -> None:
        self.waiting.clear()
        self._permits.release()

    async def execute(self, statement: str, *arguments: Any) -> str:
        if statement in self._gates:
            await self._pass()
        result: str = await self._connection.execute(statement, *arguments)
        return result

    @asynccontextmanager
    async def transaction(self, **options: Any) -> AsyncIterator[None]:
        async with self._connection.transaction(**options):
            yield
            await self._pass()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


class Actor:
    """One projector with one event, advanced a step at a time."""

    def __init__(self, projector: Projector, webhook: object, gated: Gated) -> None:
        self.gated = gated
        self.task = asyncio.create_task(projector.apply(bodies(webhook)))

    async def arrived(self, observer: asyncpg.Connection) -> None:
        """Waits until it stops before its next step, has ended, or waits for the other in Postgres."""
        waits = "select exists (select from pg_locks where pid = $1 and not granted)"
        while not (self.gated.waiting.is_set() or self.task.done()):
            if await observer.fetchval(waits, self.gated.pid):
                return
            await asyncio.sleep(0)


def schedules() -> Iterator[tuple[int, ...]]:
    """Every order of the steps of two transactions of STEPS steps."""
    for first in combinations(range(2 * STEPS), STEPS):
        yield tuple(0 if place in first else 1 for place in range(2 * STEPS))


async def run(
    url: str, observer: asyncpg.Connection, person: str, schedule: tuple[int, ...], *, stop_is_later: bool, lock: str
) -> bool:
    """Whether the person is opted out after the two transactions followed the schedule."""
    opt_outs = replace(OPT_OUTS, refold=replace(REFOLD, lock=lock))  # type: ignore[type-var]
    projectors = [Projector(url, keys=RING, verify=False, owner=name, projections=[opt_outs]) for name in "ab"]
    actors = []
    for projector, webhook in zip(projectors, stop_and_start(person, stop_is_later=stop_is_later), strict=True):
        gated = Gated(await projector.connect(), lock)
        projector._connection = gated  # the seam of this test: the same connection, a step at a time
        actors.append(Actor(projector, webhook, gated))
    for turn in schedule:
        actor = actors[turn]
        await actor.arrived(observer)
        if actor.gated.waiting.is_set():
            actor.gated.let_through()
            await actor.arrived(observer)
    while not all(actor.task.done() for actor in actors):
        for actor in actors:
            await actor.arrived(observer)
            if actor.gated.waiting.is_set():
                actor.gated.let_through()
    await asyncio.gather(*(actor.task for actor in actors))
    for projector in projectors:
        await projector.close()
    opted_out: bool = await observer.fetchval("select opted_out from telnyx.opt_outs where phone_number = $1", person)
    return opted_out


def stop_and_start(person: str, *, stop_is_later: bool) -> tuple[object, object]:
    """One event for each projector."""
    later = builders.NOON.replace(minute=1)
    stop_at, start_at = (later, builders.NOON) if stop_is_later else (builders.NOON, later)
    return builders.stop_received(sender=person, at=stop_at), builders.start_received(sender=person, at=start_at)


@pytest.mark.parametrize("stop_is_later", [True, False])
async def test_every_interleaving_gives_the_defined_row(
    database_url: str, connection: asyncpg.Connection, stop_is_later: bool
) -> None:
    lock = REFOLD.lock  # type: ignore[union-attr]
    for number, schedule in enumerate(schedules()):
        person = f"+1312555{number:04}"
        opted_out = await run(database_url, connection, person, schedule, stop_is_later=stop_is_later, lock=lock)
        assert opted_out is stop_is_later, schedule


async def test_some_interleaving_is_wrong_without_the_lock(database_url: str, connection: asyncpg.Connection) -> None:
    # each folds before the other's fact is committed, and the older one writes last
    schedule, no_lock = (0, 0, 0, 1, 1, 1, 1, 0), "select $1::text[], $2::text[]"
    right = [
        await run(database_url, connection, f"+1312555000{turn}", order, stop_is_later=later, lock=no_lock) is later
        for turn, (order, later) in enumerate([(schedule, True), (tuple(1 - turn for turn in schedule), False)])
    ]
    assert right == [False, False]
