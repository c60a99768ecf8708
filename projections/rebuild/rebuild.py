"""Computes tables anew from `events`, compares them with the live ones and mends what differs, while traffic goes on.

Why it is right beside any number of projectors:

- A batch commits its rows with its events, and positions are in the order of commits. So in one snapshot the live
  tables are what the events up to its last position came to, and the shadow tables are brought to that very position
  in it: whatever differs is wrong, without a lock. `check` ends here, and rolls back.
- What differs is put right in one short transaction that holds projectors back: every batch asks `lock_suspended`
  (isolation.sql) first and keeps that lock until it commits, so that under our lock no batch is half done. The shadow
  takes the events that came since, and the rows that these touch are looked at again with those that differed. Any
  other row was right in the snapshot, and nobody has written it since.
- Tables that are folded from facts are compared once more under the lock if facts came since: what a late fact
  touches is known to the fold alone.

Nothing but temporary tables is written before that transaction: interrupted, it has changed nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from typing import cast

import asyncpg

from projections.engine.database import connect, outages
from projections.engine.event_reader import last_position, page_after
from projections.engine.fault_isolation import FailureHistory, Fault, dead_letter, isolate
from projections.engine.projection import Projection
from projections.engine.projection_status import suspended_projections
from projections.engine.row_writer import FoldedRows, ProjectionPart, write
from projections.rebuild.drift import Drift, find_drift, repair
from projections.rebuild.page_rows import PageRows, rows_by_projection
from projections.rebuild.shadow_tables import ShadowTables
from projections.sql import queries
from schemas.errors import LedgerError, Unavailable
from schemas.sql.migrate import require_current

PAGE_EVENTS = 2000
CATCH_UP_ROUNDS = 20
FEW_EVENTS = 200  # so many are caught up with in a moment
LAST_TRIES = 5

Progress = Callable[[str, int, int], None]  # what is done, how far it is, how far it goes
_SQL = queries("rebuild")


@dataclass(slots=True)
class RebuildResult:
    """What became of one projection. Of `events`, `faults` (by event_key) could not be applied: dead letters.

    Too many of them (`record`): it was given up, nothing was compared or changed. `live`: as it is at the end.
    """

    name: str
    record: FailureHistory = field(default_factory=FailureHistory)
    events: int = 0
    faults: dict[str, Fault] = field(default_factory=dict)
    drift: list[Drift] = field(default_factory=list)
    live: bool = True

    def add(self, events: int, faults: Sequence[Fault]) -> None:
        """Notes so many more events, and which of them failed."""
        self.events += events
        self.faults |= {fault.event_key: fault for fault in faults}

    @property
    def rows(self) -> int:
        """How many rows differed."""
        return sum(one.rows for one in self.drift)


async def check(database_url: str, projections: Sequence[Projection], progress: Progress) -> list[RebuildResult]:
    """How the tables differ from what the events come to, all in one snapshot. Changes nothing, locks nothing."""
    async with _run(database_url, projections, progress) as run:
        await run.compare()
        return list(run.results.values())


async def rebuild(database_url: str, projections: Sequence[Projection], progress: Progress) -> list[RebuildResult]:
    """Mends what differs; a projection that was suspended is live again, and its version is that of this program.

    Raises Unavailable (nothing was changed; run it again), and LedgerError where another process rebuilds one of them.
    """
    async with _run(database_url, projections, progress) as run:
        await run.lock()
        await run.compare()
        await run.repair()
        return list(run.results.values())


@asynccontextmanager
async def _run(database_url: str, projections: Sequence[Projection], progress: Progress) -> AsyncIterator["_Run"]:
    session = await connect(database_url)
    try:
        with outages():
            await require_current(session)
            yield _Run(session, projections, progress)
    finally:
        session.terminate()


class _Run:
    """One run over one session, which holds the temporary tables."""

    def __init__(self, session: asyncpg.Connection, projections: Sequence[Projection], progress: Progress) -> None:
        self.results = {projection.name: RebuildResult(projection.name) for projection in projections}
        self._session = session
        self._projections = projections
        self._progress = progress
        self._shadow = ShadowTables(session, projections)
        self._position = 0
        self._pages = 0

    async def lock(self) -> None:
        """Raises LedgerError where another process rebuilds one of them."""
        for projection in self._projections:
            if not await self._session.fetchval(_SQL["try_lock"], projection.name):
                raise LedgerError(f"{projection.name}: another process is rebuilding it")

    @property
    def _remaining(self) -> list[Projection]:
        """Those that were not given up."""
        return [one for one in self._projections if not self.results[one.name].record.too_many]

    async def compare(self) -> None:
        """Fills the shadow tables and finds what differs; the keys of that are kept."""
        await self._shadow.create()
        await self._catch_up()
        async with self._session.transaction(isolation="repeatable_read"):
            await self._apply_up_to(await last_position(self._session))
            asleep = await suspended_projections(self._session)
            relations = [
                (one.name, relation) for one in self._remaining for relation in self._shadow.relations[one.name]
            ]
            for number, (name, relation) in enumerate(relations, start=1):
                self.results[name].drift += await find_drift(self._session, relation)
                self._progress("comparing tables", number, len(relations))
        for name, result in self.results.items():
            result.live = name not in asleep

    async def repair(self) -> None:
        """The transaction that mends, tried again where a batch under way takes longer than a lock is waited for."""
        self._shadow.noting = True
        await self._catch_up()
        for tries_left in reversed(range(LAST_TRIES)):
            before = self._position, deepcopy(self.results)
            try:
                with outages():
                    await self._repair_in_one_transaction()
            except Unavailable:
                if tries_left == 0 or self._session.is_closed():
                    raise
                self._position, self.results = before
            else:
                return

    async def _repair_in_one_transaction(self) -> None:
        async with self._session.transaction(isolation="read_committed"):
            for projection in self._remaining:
                if not self.results[projection.name].live:
                    # Nobody writes to it but who rebuilds it: what may be all of its rows need not hold anybody back.
                    await repair(self._session, self._shadow.relations[projection.name])
            await self._session.execute(_SQL["stop_projectors"])
            await self._apply_up_to(await last_position(self._session))
            for projection in self._remaining:
                relations = self._shadow.relations[projection.name]
                if projection.refold and projection.refold.facts.name in self._shadow.noted:
                    for relation in relations[len(projection.tables) :]:
                        await find_drift(self._session, relation)
                await repair(self._session, relations)
                await self._end(projection)

    async def _end(self, projection: Projection) -> None:
        result = self.results[projection.name]
        await dead_letter(self._session, projection, list(result.faults.values()))
        await self._session.execute(_SQL["resolve_all_but"], projection.name, sorted(result.faults))
        await self._session.execute(_SQL["live"], projection.name, projection.version)
        result.live = True

    async def _catch_up(self) -> None:
        """Up to where few are left, whatever comes meanwhile."""
        for _ in range(CATCH_UP_ROUNDS):
            end = await last_position(self._session)
            if end - self._position <= FEW_EVENTS:
                break
            await self._apply_up_to(end)

    async def _apply_up_to(self, end: int) -> None:
        """All events up to there, one page being prepared while the one before it is written."""
        ahead = await self._read(self._position, end)
        try:
            while self._position < end and self._remaining:
                parts = await ahead
                ahead = await self._read(parts.position, end)
                await self._apply(parts)
                self._progress("reading events", self._position, end)
        finally:
            ahead.cancel()
            await asyncio.gather(ahead, return_exceptions=True)

    async def _read(self, position: int, end: int) -> "asyncio.Task[PageRows]":
        page = await page_after(self._session, self._projections, position, end, PAGE_EVENTS)
        return asyncio.create_task(rows_by_projection(page, self._projections))

    async def _apply(self, parts: PageRows) -> None:
        async with self._session.transaction():
            for part in parts.parts:
                await self._write(part)
        for event_type, fault in parts.unreadable:
            for projection in self._projections:
                if projection.event_types.takes(event_type):
                    self.results[projection.name].add(1, [fault])
        self._position = parts.position
        self._pages += 1
        if self._pages & (self._pages - 1) == 0:  # twice as many as when it was last done
            await self._shadow.analyze()

    async def _write(self, part: ProjectionPart) -> None:
        """As a batch: in one piece, or one by one where that fails."""
        result = self.results[part.projection.name]
        faults: list[Fault] = []
        if part.folded is not None and not result.record.too_many and await self._written(part.folded):
            result.record.add(failed=False, events=len(part.deliveries))
        else:
            shadow = cast("asyncpg.Connection", self._shadow)
            faults = await isolate(shadow, part.projection, part.deliveries, result.record)
        result.add(len(part.deliveries), faults)

    async def _written(self, prepared: FoldedRows) -> bool:
        """Whether it could be; nothing of it is there where it could not."""
        try:
            with outages():
                async with self._session.transaction():
                    await write(cast("asyncpg.Connection", self._shadow), prepared)
        except LedgerError:
            raise
        except Exception:  # noqa: BLE001 -- whoever is at fault is found by doing it again, one by one
            return False
        return True
