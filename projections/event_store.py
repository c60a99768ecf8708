"""The append to `events`: last in the transaction, under one lock, so that the order of positions is that of commits.

Whoever polls `position > $last order by position` therefore misses nothing: without the lock a lower position can be
committed after a higher one was read. The lock is taken as late as possible and held until the commit that follows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
import orjson

from projections.projection import Stored
from projections.queries import queries

COLUMNS = (
    "retention_class", "occurred_at", "event_key", "event_id", "account", "event_type", "received_at",
    "signed_timestamp", "key_id", "body", "signature",
)  # fmt: skip
COPY_EVENTS = 20  # below it the savepoint of a COPY costs more than it saves
_SQL = queries("events")


class Partitions:
    """Makes the month that an event needs, once per process and month."""

    def __init__(self) -> None:
        self._made: set[tuple[str, int, int]] = set()

    async def ensure(self, connection: asyncpg.Connection, events: Sequence[Stored]) -> None:
        """Every partition that these events need. In transactions of its own: a lock on `events` is not kept."""
        wanted = {(event.retention_class, event.occurred_at.year, event.occurred_at.month) for event, _ in events}
        for retention_class, year, month in sorted(wanted - self._made):
            at = datetime(year, month, 1, tzinfo=events[0][0].occurred_at.tzinfo)
            await connection.execute(_SQL["ensure_partition"], retention_class, at)
            self._made.add((retention_class, year, month))

    def forget(self) -> None:
        """Ask again: the database may be another one, or an older copy."""
        self._made.clear()


@dataclass(frozen=True, slots=True)
class Appended:
    """Events in the order of the primary key, and their rows as `COLUMNS` names them."""

    events: Sequence[Stored]
    rows: Sequence[tuple[Any, ...]]


def appended(events: Iterable[Stored]) -> Appended:
    """What `append` takes."""
    ordered = sorted(events, key=lambda pair: (pair[0].retention_class, pair[0].occurred_at, pair[0].key))
    return Appended(
        ordered,
        [
            (
                event.retention_class,
                event.occurred_at,
                event.key,
                event.id,
                delivery.account,
                event.type,
                delivery.received_at,
                delivery.signed_timestamp,
                delivery.key_id,
                delivery.body,
                delivery.signature,
            )
            for event, delivery in ordered
        ],
    )


async def append(connection: asyncpg.Connection, new: Appended) -> tuple[int, dict[str, str]]:
    """Appends what is not there yet. Gives (how many were new, the stored account of events that were not, by key)."""
    await connection.execute(_SQL["lock_append"])
    if len(new.rows) < COPY_EVENTS or not await _copied(connection, new):
        return await _inserted(connection, new)
    return len(new.rows), {}


async def _copied(connection: asyncpg.Connection, new: Appended) -> bool:
    """All of them by COPY, for half of what INSERT takes; False, and nothing, where one is there already."""
    try:
        async with connection.transaction():
            await connection.copy_records_to_table("events", schema_name="telnyx", columns=COLUMNS, records=new.rows)
    except asyncpg.UniqueViolationError:
        return False
    return True


async def _inserted(connection: asyncpg.Connection, new: Appended) -> tuple[int, dict[str, str]]:
    rows = [dict(zip(COLUMNS, row[:-2], strict=False)) for row in new.rows]
    bodies, signatures = [row[-2] for row in new.rows], [row[-1] for row in new.rows]
    stored = await connection.fetch(_SQL["append"], orjson.dumps(rows).decode(), bodies, signatures)
    if len(stored) == len(new.rows):
        return len(stored), {}
    added = {str(row["event_key"]) for row in stored}
    known = [event for event, _ in new.events if event.key not in added]
    accounts = await connection.fetch(
        _SQL["stored_accounts"],
        [event.retention_class for event in known],
        [event.occurred_at for event in known],
        [event.key for event in known],
    )
    return len(stored), {str(row["event_key"]): row["account"] for row in accounts}
