"""Real projectors as members of a group; some have a planted bug, or stay in the transaction."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import asyncpg

from projections.engine.event_store import EventRow
from projections.engine.projection import Projection
from projections.engine.projector import Projector
from projections.registry import PROJECTIONS
from projections.settings import ProjectSettings
from projections.tables.deliveries import DELIVERIES
from tests.support.projections.faulty_projection import buggy
from tests.support.projections.offset_log import name_session

STAY_SECONDS = 0.7


class SessionNamingProjector(Projector):
    """The projector, with its owner as the name of its session."""

    _signed: asyncpg.Connection | None = None

    async def connect(self) -> asyncpg.Connection:
        connection = await super().connect()
        if connection is not self._signed:
            await name_session(connection, self._owner)
            self._signed = connection
        return connection


class SlowProjector(SessionNamingProjector):
    """Stays in each transaction for a while, holding every lock of a batch."""

    async def _append(self, connection: asyncpg.Connection, rows: Sequence[EventRow], *, copy: bool) -> int:
        stored = await super()._append(connection, rows, copy=copy)
        await asyncio.sleep(STAY_SECONDS)
        return stored


class PausingProjector(SessionNamingProjector):
    """Waits in a transaction, with everything written but the offsets, until the test sets `go_on`."""

    def pause_next_batch(self) -> None:
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()

    async def _append(self, connection: asyncpg.Connection, rows: Sequence[EventRow], *, copy: bool) -> int:
        stored = await super()._append(connection, rows, copy=copy)
        if hasattr(self, "go_on"):
            self.reached.set()
            await self.go_on.wait()
        return stored


WITH_A_BUG: tuple[Projection, ...] = tuple(
    replace(projection, rows=buggy) if projection is DELIVERIES else projection for projection in PROJECTIONS
)


def projector(
    settings: ProjectSettings,
    owner: str,
    kind: type[SessionNamingProjector] = SessionNamingProjector,
    *,
    projections: Sequence[Projection] = PROJECTIONS,
) -> SessionNamingProjector:
    """A projector as `project` creates it."""
    verify = settings.ledger_project_verify == "all"
    return kind(settings.database_url, keys=settings.key_ring(), verify=verify, owner=owner, projections=projections)
