"""Lists dead letters and retries them, along the path that their events took the first time.

Each event is one transaction: its rows and the end of its dead letter are committed together. A projector that writes
the same rows waits for one event at most.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from projections.engine.event_reader import PAGE_EVENTS, events_by_key
from projections.engine.fault_isolation import FailureHistory, Fault, dead_letter, isolate
from projections.engine.projection import Projection, Stored
from projections.sql import queries

_SQL = queries("dead_letters")


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that a projection could not apply. It holds names only, never content of the event."""

    projection: str
    event_key: str
    error_class: str
    sqlstate: str | None
    first_failed_at: datetime
    attempts: int
    retention_class: str | None = None
    occurred_at: datetime | None = None

    @property
    def place(self) -> tuple[str, datetime] | None:
        """The part of `events` that holds the event, unless the failure is from before it was noted."""
        if self.retention_class is None or self.occurred_at is None:
            return None
        return self.retention_class, self.occurred_at


async def dead_letters(connection: asyncpg.Connection, projection: str | None = None) -> list[DeadLetter]:
    rows = await connection.fetch(_SQL["list"], projection)
    return [DeadLetter(**(dict(row) | {"event_key": str(row["event_key"])})) for row in rows]


async def retry(
    connection: asyncpg.Connection, projection: str | None = None, *, projections: Sequence[Projection]
) -> int:
    """Applies the events again. Gives the number of dead letters that ended; `dead_letters` lists the rest.

    Those of a projection that this program does not have, and those whose event is no longer stored, are left alone.
    """
    known = {projection.name: projection for projection in projections}
    letters = [letter for letter in await dead_letters(connection, projection) if letter.projection in known]
    resolved = 0
    for start in range(0, len(letters), PAGE_EVENTS):
        page = letters[start : start + PAGE_EVENTS]
        events = await events_by_key(connection, {letter.event_key: letter.place for letter in page})
        for letter in page:
            if letter.event_key in events:
                event = events[letter.event_key]
                resolved += await _retry(connection, known[letter.projection], letter.event_key, event)
    return resolved


async def _retry(connection: asyncpg.Connection, projection: Projection, key: str, event: Stored | Fault) -> bool:
    async with connection.transaction(isolation="read_committed"):
        faults = (
            [event] if isinstance(event, Fault) else await isolate(connection, projection, [event[1]], FailureHistory())
        )
        if faults:
            await dead_letter(connection, projection, faults)
        else:
            await connection.execute(_SQL["resolve"], projection.name, key)
    return not faults
