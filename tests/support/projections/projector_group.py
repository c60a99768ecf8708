"""Real projectors as members of a group, some with something planted: a bug, or a long stay in the transaction."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import asyncpg

from projections.engine.event_store import EventRow
from projections.engine.projection import Projection, Rows
from projections.engine.projector import Projector
from projections.registry import PROJECTIONS
from projections.settings import ProjectSettings
from projections.tables.deliveries import DELIVERIES
from schemas.kafka.record import Delivery
from schemas.reading.event import Event
from tests.support.projections.offset_log import sign_session

STAY_SECONDS = 0.7


class Witnessed(Projector):
    """The projector as it is; its session says whose it is."""

    _signed: asyncpg.Connection | None = None

    async def connect(self) -> asyncpg.Connection:
        connection = await super().connect()
        if connection is not self._signed:
            await sign_session(connection, self._owner)
            self._signed = connection
        return connection


class Lingering(Witnessed):
    """Stays in each transaction for a while, with every lock that a batch takes in its hands."""

    async def _append(self, connection: asyncpg.Connection, rows: Sequence[EventRow], *, copy: bool) -> int:
        stored = await super()._append(connection, rows, copy=copy)
        await asyncio.sleep(STAY_SECONDS)
        return stored


class Halting(Witnessed):
    """Waits in the transaction, with everything written but the offsets, until the test lets it go on."""

    def halt(self) -> None:
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()

    async def _append(self, connection: asyncpg.Connection, rows: Sequence[EventRow], *, copy: bool) -> int:
        stored = await super()._append(connection, rows, copy=copy)
        if hasattr(self, "go_on"):
            self.reached.set()
            await self.go_on.wait()
        return stored


def buggy(event: Event, delivery: Delivery) -> Rows:
    """The deliveries projection with a planted bug: some messages make it raise."""
    if str(event.payload.get("id")).startswith("bad"):
        raise ZeroDivisionError
    return DELIVERIES.rows(event, delivery)


WITH_A_BUG: tuple[Projection, ...] = tuple(
    replace(one, rows=buggy) if one is DELIVERIES else one for one in PROJECTIONS
)


def projector(
    settings: ProjectSettings,
    owner: str,
    kind: type[Witnessed] = Witnessed,
    *,
    projections: Sequence[Projection] = PROJECTIONS,
) -> Witnessed:
    """One as the program makes it."""
    verify = settings.ledger_project_verify == "all"
    return kind(settings.database_url, keys=settings.key_ring(), verify=verify, owner=owner, projections=projections)
