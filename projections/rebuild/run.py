"""One run of a rebuild, over one session that holds the shadow tables. It is correct beside any number of projectors.

- A batch commits its rows with its events, and positions are in the order of commits. In one snapshot the live tables
  therefore reflect exactly the events up to its last position. The shadow tables are filled up to that position in the
  same snapshot, so every difference is drift, and no lock is needed. `check` ends here and rolls back.
- One short transaction that stops the projectors repairs the drift. Every batch runs `lock_suspended`
  (dead_letter.sql) first and holds that lock until it commits, so no batch is half done under our lock. The shadow
  tables take the events that came since the snapshot, and the rows of these events are compared together with the
  drift. Every other row was right in the snapshot, and no batch has written it since.
- Tables that are folded from facts are compared once more under the lock if facts came since the snapshot, because
  only the fold knows which rows a late fact touches.

Nothing but temporary tables is written before that transaction: an interrupted run has changed nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from copy import deepcopy
from typing import cast

import asyncpg

from projections.engine.database import connect, outages
from projections.engine.event_reader import last_position, page_after
from projections.engine.fault_isolation import Fault, dead_letter, isolate
from projections.engine.projection import Projection
from projections.engine.projection_status import suspended_projections
from projections.engine.row_writer import FoldedRows, ProjectionPart, write
from projections.rebuild.drift import find_drift, repair
from projections.rebuild.page_rows import PageRows, rows_by_projection
from projections.rebuild.result import RebuildResult
from projections.rebuild.shadow_tables import ShadowTables
from projections.sql import queries
from schemas.errors import LedgerError, Unavailable
from schemas.sql.migrate import require_current

PAGE_EVENTS = 2000
CATCH_UP_ROUNDS = 20
FEW_EVENTS = 200  # the locked transaction reads these in a moment
REPAIR_TRIES = 5
UNLOCK_SECONDS = 2.0

Progress = Callable[[str, int, int], None]  # (activity, completed, total)
_SQL = queries("rebuild")


def no_progress(_activity: str, _completed: int, _total: int) -> None:
    """For callers that show nothing."""


@asynccontextmanager
async def rebuild_run(
    database_url: str, projections: Sequence[Projection], progress: Progress = no_progress
) -> AsyncIterator["RebuildRun"]:
    """A run over its own session. Raises Misconfigured if the schema is not current."""
    session = await connect(database_url)
    try:
        with outages():
            await require_current(session)
            yield RebuildRun(session, projections, progress)
    finally:
        await _end(session)


async def _end(session: asyncpg.Connection) -> None:
    """Releases the locks, then ends the session: the server may take a while to notice that a session has ended."""
    try:
        with outages():
            await session.execute(_SQL["unlock_all"], timeout=UNLOCK_SECONDS)
    except (Unavailable, asyncpg.PostgresError):
        pass
    finally:
        session.terminate()


class RebuildRun:
    """The steps of one run: lock (for a repair), compare, repair. `results` are by projection."""

    def __init__(self, session: asyncpg.Connection, projections: Sequence[Projection], progress: Progress) -> None:
        self.results = {projection.name: RebuildResult(projection.name) for projection in projections}
        self._session = session
        self._projections = projections
        self._progress = progress
        self._shadow = ShadowTables(session, projections)
        self._position = 0
        self._pages = 0

    async def lock(self) -> None:
        """Raises LedgerError if another process rebuilds one of the projections."""
        for projection in self._projections:
            if not await self._session.fetchval(_SQL["try_lock"], projection.name):
                raise LedgerError(f"{projection.name}: another process is rebuilding it; wait until it ends")

    @property
    def _remaining(self) -> list[Projection]:
        return [projection for projection in self._projections if not self.results[projection.name].given_up]

    async def compare(self) -> None:
        """Fills the shadow tables and finds the drift. The keys of the differing rows are kept in the session."""
        await self._shadow.create()
        await self._catch_up()
        async with self._session.transaction(isolation="repeatable_read"):
            await self._apply_up_to(await last_position(self._session))
            suspended = await suspended_projections(self._session)
            await self._session.execute(_SQL["given_up_months"])
            months_given_up = await self._session.fetchval(_SQL["any_given_up"])
            if months_given_up:
                for projection in self._remaining:
                    await self._shadow.keep_given_up_facts(projection)
            relations = [
                (projection.name, relation)
                for projection in self._remaining
                for relation in self._shadow.relations[projection.name]
            ]
            for number, (name, relation) in enumerate(relations, start=1):
                self.results[name].add_drift(await find_drift(self._session, relation, keep=months_given_up))
                self._progress("comparing tables", number, len(relations))
        for name, result in self.results.items():
            result.live = name not in suspended

    async def repair(self) -> None:
        """Repairs the drift in one transaction.

        A batch under way may take longer than the transaction waits for its lock, so it is tried a few times. Raises
        Unavailable after that.
        """
        self._shadow.note_written_keys = True
        await self._catch_up()
        for tries_left in reversed(range(REPAIR_TRIES)):
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
                    # No projector writes to a suspended projection, so its rows, which may be all of its tables, are
                    # repaired before the projectors are stopped.
                    await repair(self._session, self._shadow.relations[projection.name])
            await self._session.execute(_SQL["stop_projectors"])
            await self._apply_up_to(await last_position(self._session))
            for projection in self._remaining:
                relations = self._shadow.relations[projection.name]
                if projection.refold and projection.refold.facts.name in self._shadow.written_tables:
                    for relation in relations[len(projection.tables) :]:
                        await find_drift(self._session, relation, keep=False)
                await repair(self._session, relations)
                await self._finish(projection)

    async def _finish(self, projection: Projection) -> None:
        result = self.results[projection.name]
        await dead_letter(self._session, projection, list(result.faults.values()))
        await self._session.execute(_SQL["resolve_all_but"], projection.name, sorted(result.faults))
        await self._session.execute(_SQL["live"], projection.name, projection.version)
        result.live = True

    async def _catch_up(self) -> None:
        """Reads events until few are left, in a bounded number of rounds because more may come meanwhile."""
        for _ in range(CATCH_UP_ROUNDS):
            end = await last_position(self._session)
            if end - self._position <= FEW_EVENTS:
                break
            await self._apply_up_to(end)

    async def _apply_up_to(self, end: int) -> None:
        """Reads all events up to position `end`. One page is prepared while the one before it is written."""
        next_page = await self._read(self._position, end)
        try:
            while self._position < end and self._remaining:
                page = await next_page
                next_page = await self._read(page.position, end)
                await self._apply(page)
                self._progress("reading events", self._position, end)
        finally:
            next_page.cancel()
            await asyncio.gather(next_page, return_exceptions=True)

    async def _read(self, position: int, end: int) -> "asyncio.Task[PageRows]":
        page = await page_after(self._session, self._projections, position, end, PAGE_EVENTS)
        return asyncio.create_task(rows_by_projection(page, self._projections))

    async def _apply(self, page: PageRows) -> None:
        async with self._session.transaction():
            for part in page.parts:
                await self._write(part)
        for event_type, fault in page.unreadable:
            for projection in self._projections:
                if projection.event_types.takes(event_type):
                    self.results[projection.name].add(1, [fault])
        self._position = page.position
        self._pages += 1
        if self._pages & (self._pages - 1) == 0:  # twice as many pages as at the last analyze
            await self._shadow.analyze()

    async def _write(self, part: ProjectionPart) -> None:
        """Writes a part in one piece or, if that fails, event by event, as a projector does with a batch."""
        result = self.results[part.projection.name]
        faults: list[Fault] = []
        if part.folded is not None and not result.given_up and await self._could_write(part.folded):
            result.history.add(failed=False, events=len(part.deliveries))
        else:
            shadow = cast("asyncpg.Connection", self._shadow)
            faults = await isolate(shadow, part.projection, part.deliveries, result.history)
        result.add(len(part.deliveries), faults)

    async def _could_write(self, folded: FoldedRows) -> bool:
        """False if it failed; then none of the rows was written."""
        try:
            with outages():
                async with self._session.transaction():
                    await write(cast("asyncpg.Connection", self._shadow), folded)
        except LedgerError:
            raise
        except Exception:  # noqa: BLE001 -- the failing event is found by a second pass, event by event
            return False
        return True
