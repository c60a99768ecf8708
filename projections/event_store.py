"""The append to `events`: last in the transaction, under one lock, so that the order of positions is that of commits.

Whoever polls `position > $last order by position` therefore misses nothing: without the lock a lower position can be
committed after a higher one was read. The lock is taken as late as possible and held until the commit that follows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg
import orjson

from projections.projection import Stored
from projections.queries import queries

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
    """Events as `append` takes them, in the order of the primary key: one JSON document, and what is bytes."""

    events: Sequence[Stored]
    document: str
    bodies: Sequence[bytes]
    signatures: Sequence[bytes]


def appended(events: Sequence[Stored]) -> Appended:
    """The rows of these events."""
    ordered = sorted(events, key=lambda pair: (pair[0].retention_class, pair[0].occurred_at, pair[0].key))
    rows = [
        {
            "retention_class": event.retention_class,
            "occurred_at": event.occurred_at,
            "event_key": event.key,
            "event_id": event.id,
            "account": delivery.account,
            "event_type": event.type,
            "received_at": delivery.received_at,
            "signed_timestamp": delivery.signed_timestamp,
            "key_id": delivery.key_id,
        }
        for event, delivery in ordered
    ]
    return Appended(
        ordered,
        orjson.dumps(rows).decode(),
        [delivery.body for _, delivery in ordered],
        [delivery.signature for _, delivery in ordered],
    )


async def append(connection: asyncpg.Connection, rows: Appended) -> tuple[int, dict[str, str]]:
    """Appends what is not there yet. Gives (how many were new, the stored account of events that were not, by key)."""
    if not rows.events:
        return 0, {}
    await connection.execute(_SQL["lock_append"])
    new = await connection.fetch(_SQL["append"], rows.document, rows.bodies, rows.signatures)
    if len(new) == len(rows.events):
        return len(new), {}
    added = {str(row["event_key"]) for row in new}
    known = [event for event, _ in rows.events if event.key not in added]
    accounts = await connection.fetch(
        _SQL["stored_accounts"],
        [event.retention_class for event in known],
        [event.occurred_at for event in known],
        [event.key for event in known],
    )
    return len(new), {str(row["event_key"]): row["account"] for row in accounts}
