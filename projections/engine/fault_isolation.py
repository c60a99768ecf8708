"""A batch that fails, run again so that only what is at fault stays behind: one event of one projection.

Each projection gets a savepoint of its own; the failing one is bisected down to single events, which go to
`dead_letters` while their rows in `events` stay. A projection that fails too often is suspended, never the event store
and never the others. An outage is no fault of an event: it passes through and nothing is written.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass

import asyncpg
import structlog

from projections.engine.database import outages
from projections.engine.projection import Projection
from projections.engine.row_writer import fold_rows, write
from projections.sql import queries
from schemas.errors import LedgerError
from schemas.kafka.record import Delivery
from schemas.reading.event import read

FAILURES_IN_A_ROW = 5
WINDOW_EVENTS = 1000
FAILURES_IN_WINDOW = 10

log = structlog.get_logger()
_SQL = queries("dead_letter")


@dataclass(frozen=True, slots=True)
class Fault:
    """Why an event could not be applied: names only, since a message may quote values."""

    event_key: str
    error_class: str
    sqlstate: str | None


class FailureHistory:
    """How the last events of one projection went, as this process saw them."""

    def __init__(self) -> None:
        self._in_a_row = 0
        self._window: deque[bool] = deque(maxlen=WINDOW_EVENTS)

    def add(self, *, failed: bool, events: int = 1) -> None:
        """Notes how so many events went."""
        self._in_a_row = self._in_a_row + events if failed else 0
        self._window.extend([failed] * min(events, WINDOW_EVENTS))

    @property
    def too_many(self) -> bool:
        """More than 5 failures in a row, or more than 1 % of the last 1,000."""
        return self._in_a_row > FAILURES_IN_A_ROW or sum(self._window) > FAILURES_IN_WINDOW


class FaultIsolation:
    """Applies projections one by one, and remembers which of them fail too often."""

    def __init__(self) -> None:
        self._records: dict[str, FailureHistory] = {}
        self._news: list[tuple[str, dict[str, object]]] = []

    @contextmanager
    def tentative(self) -> Iterator[None]:
        """What is noted in the block counts, and is told, only if it ends well: else it was rolled back with it."""
        before, self._news = deepcopy(self._records), []
        try:
            yield
        except BaseException:
            self._records = before
            raise
        for event, fields in self._news:
            log.error(event, **fields)

    def went_well(self, events: Mapping[Projection, int]) -> None:
        """A whole batch was committed without a fault; so many events went to each projection."""
        for projection, count in events.items():
            if projection.name in self._records:
                self._records[projection.name].add(failed=False, events=count)

    async def write(
        self, connection: asyncpg.Connection, feeds: Mapping[Projection, Sequence[Delivery]]
    ) -> dict[str, int]:
        """Writes what can be written, inside the caller's transaction. Gives the dead letters by projection."""
        dead: dict[str, int] = {}
        for projection, deliveries in feeds.items():
            record = self._records.setdefault(projection.name, FailureHistory())
            faults = await isolate(connection, projection, deliveries, record)
            if faults:
                dead[projection.name] = len(faults)
                await dead_letter(connection, projection, faults)
                told = {"projection": projection.name, "events": len(faults), "error": faults[0].error_class}
                self._news.append(("dead_letters", told))
            if record.too_many:
                self._news.append(("projection_suspended", await _suspend(connection, projection, faults)))
                del self._records[projection.name]  # after its rebuild it starts anew
        return dead


async def isolate(
    connection: asyncpg.Connection, projection: Projection, deliveries: Sequence[Delivery], record: FailureHistory
) -> list[Fault]:
    """Writes what can be written, in savepoints. Gives the events that cannot; ends early once there are too many."""
    if not deliveries or record.too_many:
        return []
    try:
        with outages():
            async with connection.transaction():
                await write(connection, fold_rows(projection, deliveries))
    except LedgerError:
        raise
    except Exception as error:  # noqa: BLE001 -- whatever a projection raises is its fault alone
        if len(deliveries) == 1:
            record.add(failed=True)
            sqlstate = getattr(error, "sqlstate", None)
            known = sqlstate if isinstance(sqlstate, str) else None
            return [Fault(read(deliveries[0].body).key, type(error).__name__, known)]
        half = len(deliveries) // 2
        first = await isolate(connection, projection, deliveries[:half], record)
        return first + await isolate(connection, projection, deliveries[half:], record)
    record.add(failed=False, events=len(deliveries))
    return []


async def dead_letter(connection: asyncpg.Connection, projection: Projection, faults: Sequence[Fault]) -> None:
    """Makes dead letters of them, or counts one more attempt."""
    ordered = sorted(faults, key=lambda fault: fault.event_key)
    await connection.execute(
        _SQL["dead_letter"],
        projection.name,
        [fault.event_key for fault in ordered],
        [fault.error_class for fault in ordered],
        [fault.sqlstate for fault in ordered],
    )


async def _suspend(
    connection: asyncpg.Connection, projection: Projection, faults: Sequence[Fault]
) -> dict[str, object]:
    reason = f"too many events failed; the last with {faults[-1].error_class}" if faults else "too many events failed"
    await connection.execute(_SQL["suspend"], projection.name, reason)
    what_now = f"its tables stand still, no event is lost; mend it, then `telnyx-ledger rebuild {projection.name}`"
    return {"projection": projection.name, "reason": reason, "what_now": what_now}
