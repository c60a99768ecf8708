"""Applies a failed batch again, in savepoints, until only the events that caused the failure are left out.

Each projection gets a savepoint; a failing one is bisected down to single events. These go to `dead_letters`, and
their rows in `events` stay. A projection that fails too often is suspended; the event store and the other projections
never are. An outage is no failure of an event: it passes through and nothing is written. An event that was refused
several times alone is taken as the cause (`Refused`).
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime

import asyncpg
import structlog

from projections.engine.database import Refused, outages
from projections.engine.projection import Projection
from projections.engine.row_writer import fold_rows, write
from projections.sql import queries
from schemas.errors import LedgerError
from schemas.kafka.record import Delivery
from schemas.reading.event import Unreadable, read

FAILURES_IN_A_ROW = 5
WINDOW_EVENTS = 1000
FAILURES_IN_WINDOW = 10

log = structlog.get_logger()
_SQL = queries("dead_letter")


@dataclass(frozen=True, slots=True)
class Fault:
    """Why an event could not be applied. Only names: an error's message may quote values."""

    event_key: str
    error_class: str
    sqlstate: str | None
    retention_class: str | None = None
    occurred_at: datetime | None = None


class FailureHistory:
    """The last successes and failures of one projection in this process."""

    def __init__(self) -> None:
        self._in_a_row = 0
        self._window: deque[bool] = deque(maxlen=WINDOW_EVENTS)

    def add(self, *, failed: bool, events: int = 1) -> None:
        """Note that this many events failed, or did not."""
        self._in_a_row = self._in_a_row + events if failed else 0
        self._window.extend([failed] * min(events, WINDOW_EVENTS))

    @property
    def too_many(self) -> bool:
        """More than 5 failures in a row, or more than 1 % of the last 1,000."""
        return self._in_a_row > FAILURES_IN_A_ROW or sum(self._window) > FAILURES_IN_WINDOW


class FaultIsolation:
    """Applies projections one by one, and suspends those that fail too often."""

    def __init__(self) -> None:
        self._histories: dict[str, FailureHistory] = {}
        self._log_lines: list[tuple[str, dict[str, object]]] = []

    @contextmanager
    def tentative(self) -> Iterator[None]:
        """Keep and log the failures of the block only if it succeeds: otherwise they were rolled back with it."""
        before, self._log_lines = deepcopy(self._histories), []
        try:
            yield
        except BaseException:
            self._histories = before
            raise
        for event, fields in self._log_lines:
            log.error(event, **fields)

    def succeeded(self, events: Mapping[Projection, int]) -> None:
        """Note a batch that was committed without a failure, by the number of events of each projection."""
        for projection, count in events.items():
            if projection.name in self._histories:
                self._histories[projection.name].add(failed=False, events=count)

    async def write(
        self,
        connection: asyncpg.Connection,
        deliveries_of: Mapping[Projection, Sequence[Delivery]],
        *,
        blame_events: bool = False,
    ) -> dict[str, int]:
        """Write all but the failing events, in the caller's transaction. Returns the dead letters by projection.

        With `blame_events`, an event that Postgres refuses has failed; else the refusal is an outage.
        """
        dead_letters: dict[str, int] = {}
        for projection, deliveries in deliveries_of.items():
            history = self._histories.setdefault(projection.name, FailureHistory())
            faults = await isolate(connection, projection, deliveries, history, blame_events=blame_events)
            if faults:
                dead_letters[projection.name] = len(faults)
                await dead_letter(connection, projection, faults)
                fields = {"projection": projection.name, "events": len(faults), "error": faults[0].error_class}
                self._log_lines.append(("dead_letters", fields))
            if history.too_many:
                self._log_lines.append(("projection_suspended", await _suspend(connection, projection, faults)))
                del self._histories[projection.name]  # after its rebuild it starts with an empty history
        return dead_letters


async def isolate(
    connection: asyncpg.Connection,
    projection: Projection,
    deliveries: Sequence[Delivery],
    history: FailureHistory,
    *,
    blame_events: bool = False,
) -> list[Fault]:
    """Write all but the failing events, in savepoints. Returns the faults; stops early once there are too many."""
    # Half after half locks rows out of the order of keys. Two projectors that isolate faults in the same rows may
    # deadlock; one of them is rolled back, is refused (40P01), and applies its batch again. Locking all rows first
    # would cost each of these rare batches a second pass.
    if not deliveries or history.too_many:
        return []
    try:
        with outages():
            async with connection.transaction():
                await write(connection, fold_rows(projection, deliveries))
    except Exception as error:  # the code of one projection must not stop the others
        if isinstance(error, LedgerError) and not (blame_events and _may_be_one_event(error)):
            raise
        if len(deliveries) == 1:
            history.add(failed=True)
            return [_fault(deliveries[0], error)]
        half = len(deliveries) // 2
        first = await isolate(connection, projection, deliveries[:half], history, blame_events=blame_events)
        return first + await isolate(connection, projection, deliveries[half:], history, blame_events=blame_events)
    history.add(failed=False, events=len(deliveries))
    return []


def _may_be_one_event(error: LedgerError) -> bool:
    return isinstance(error, Refused) and error.may_be_one_event


def _fault(delivery: Delivery, error: Exception) -> Fault:
    event, sqlstate = read(delivery.body), getattr(error, "sqlstate", None)
    sqlstate = sqlstate if isinstance(sqlstate, str) else None
    # The class that Postgres named, not the refusal that we made of it.
    error_class = type(error.__cause__ if isinstance(error, Refused) else error).__name__
    if isinstance(event, Unreadable):
        return Fault(event.key, error_class, sqlstate)
    return Fault(event.key, error_class, sqlstate, event.retention_class, event.occurred_at)


async def dead_letter(connection: asyncpg.Connection, projection: Projection, faults: Sequence[Fault]) -> None:
    """Store a dead letter for each fault, or count one more attempt of it."""
    ordered = sorted(faults, key=lambda fault: fault.event_key)
    await connection.execute(
        _SQL["dead_letter"],
        projection.name,
        [fault.event_key for fault in ordered],
        [fault.error_class for fault in ordered],
        [fault.sqlstate for fault in ordered],
        [fault.retention_class for fault in ordered],
        [fault.occurred_at for fault in ordered],
    )


async def _suspend(
    connection: asyncpg.Connection, projection: Projection, faults: Sequence[Fault]
) -> dict[str, object]:
    reason = f"too many events failed; the last with {faults[-1].error_class}" if faults else "too many events failed"
    await connection.execute(_SQL["suspend"], projection.name, reason)
    what_now = f"its tables stand still, no event is lost; repair it, then `telnyx-ledger rebuild {projection.name}`"
    return {"projection": projection.name, "reason": reason, "what_now": what_now}
