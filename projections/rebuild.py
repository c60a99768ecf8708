"""Brings a projection back that is not live: applies every stored event to it again, while everything else goes on.

Its tables are functions of the set of events, so that applying again what is there already changes nothing. Nothing is
missing at the end either: a batch asks `not_live` (isolation.sql) first and keeps that lock until its events are
committed. So whoever has stopped the projectors sees every event that was left out, and the next batch finds the
projection live.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass

import asyncpg

from projections.database import connect, outages
from projections.isolation import Fault, Record, bury, isolate
from projections.projection import Projection
from projections.queries import queries
from projections.registry import PROJECTIONS
from projections.stored_events import PAGE_EVENTS, last_position, page_after
from schemas.errors import LedgerError, Misconfigured, Unavailable
from schemas.migrate import require_current

CATCH_UP_ROUNDS = 20
LAST_TRIES = 5

Progress = Callable[[int, int], None]  # position reached, position of the last event
_SQL = queries("rebuild")


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """How it ended: of `events`, `dead` could not be applied and are dead letters; too many, and it is not live."""

    name: str
    events: int
    dead: int
    live: bool


def projections_named(names: Sequence[str], projections: Sequence[Projection] = PROJECTIONS) -> list[Projection]:
    """The projections of these names, in writing order. Raises Misconfigured for a name that there is not."""
    known = [item.name for item in projections]
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise Misconfigured([f"{name}: no projection of this name; there are {', '.join(known)}" for name in unknown])
    return [item for item in projections if item.name in names]


async def rebuild(database_url: str, projection: Projection, progress: Progress) -> Rebuilt:
    """Until the projection is live, or suspended because too many events failed. Cancelled, it stays: not live.

    Raises Unavailable (it is not live; run it again), and LedgerError where another process rebuilds it.
    """
    connection = await connect(database_url)
    try:
        with outages():
            await require_current(connection)
            if not await connection.fetchval(_SQL["try_lock"], projection.name):
                raise LedgerError(f"{projection.name}: another process is rebuilding it")
            return await _Rebuild(connection, projection, progress).run()
    finally:
        connection.terminate()


class _Rebuild:
    """One run, over one connection, whose session holds the lock of the projection."""

    def __init__(self, connection: asyncpg.Connection, projection: Projection, progress: Progress) -> None:
        self._connection = connection
        self._projection = projection
        self._progress = progress
        self._record = Record()
        self._faults: dict[str, Fault] = {}
        self._position = 0
        self._events = 0

    async def run(self) -> Rebuilt:
        name = self._projection.name
        reason = f"being rebuilt; if that was interrupted, run `telnyx-ledger rebuild {name}` again"
        async with self._connection.transaction(isolation="read_committed"):
            await self._connection.execute(_SQL["stop_projectors"])
            await self._connection.execute(_SQL["begin"], name, self._projection.version, reason)
        for _ in range(CATCH_UP_ROUNDS):
            end = await last_position(self._connection)
            if end - self._position <= PAGE_EVENTS:
                break
            await self._apply_up_to(end)
        await self._end()
        return Rebuilt(name, self._events, len(self._faults), live=not self._record.too_many)

    async def _end(self) -> None:
        """The last transaction, tried again where a batch under way takes longer than a lock is waited for."""
        for tries_left in reversed(range(LAST_TRIES)):
            before = self._position, self._events, dict(self._faults), deepcopy(self._record)
            try:
                with outages():
                    await self._end_in_one_transaction()
            except Unavailable:
                self._position, self._events, self._faults, self._record = before
                if tries_left == 0 or self._connection.is_closed():
                    raise
            else:
                return

    async def _end_in_one_transaction(self) -> None:
        name = self._projection.name
        async with self._connection.transaction(isolation="read_committed"):
            await self._connection.execute(_SQL["stop_projectors"])
            await self._apply_up_to(await last_position(self._connection))
            status, reason = "live", None
            if self._record.too_many:
                last = list(self._faults.values())[-1].error_class
                status, reason = "suspended", f"too many events failed in its rebuild; the last with {last}"
            else:
                await self._connection.execute(_SQL["resolve_all_but"], name, sorted(self._faults))
            await self._connection.execute(_SQL["end"], name, self._projection.version, status, reason)

    async def _apply_up_to(self, end: int) -> None:
        while self._position < end and not self._record.too_many:
            page = await page_after(self._connection, self._projection, self._position, end)
            async with self._connection.transaction(isolation="read_committed"):
                faults = await isolate(self._connection, self._projection, page.events, self._record)
                faults += page.faults
                if faults:
                    await bury(self._connection, self._projection, faults)
            self._faults |= {fault.event_key: fault for fault in faults}
            self._events += len(page.events) + len(page.faults)
            self._position = page.position
            self._progress(self._position, end)
