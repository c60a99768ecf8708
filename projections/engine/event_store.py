"""The append to `events`, last in the transaction and under one lock.

Invariant: positions are in the order of commits. A consumer that polls `position > $last order by position` misses
nothing; without the lock a lower position can be committed after a higher one was read.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import asyncpg
import orjson

from projections.sql import queries
from schemas.kafka.record import Delivery
from schemas.reading.event import Event

_SQL = queries("events")


class EventRow(NamedTuple):
    """A row of `events` before it has a position. Its tuple order is that of the primary key."""

    retention_class: str
    occurred_at: datetime
    event_key: str
    event_id: str | None
    account: str
    event_type: str
    received_at: datetime
    signed_timestamp: str
    key_id: str
    body: bytes
    signature: bytes


def event_row(event: Event, delivery: Delivery) -> EventRow:
    """The row of an event."""
    return EventRow(
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


def delivery_of(row: EventRow) -> Delivery:
    """The evidence in a row: the signed body and its signature."""
    return Delivery(row.body, row.signature, row.signed_timestamp, row.key_id, row.account, row.received_at)


class Partitions:
    """Creates the months of `events` that a batch needs, each once per process."""

    def __init__(self) -> None:
        self._made: set[tuple[str, int, int]] = set()

    async def ensure(self, connection: asyncpg.Connection, rows: Sequence[EventRow]) -> None:
        """Create every month that these events need. Outside the batch's transaction: no lock on `events` is kept."""
        months = {(row.retention_class, row.occurred_at.year, row.occurred_at.month) for row in rows}
        for retention_class, year, month in sorted(months - self._made):
            at = datetime(year, month, 1, tzinfo=UTC)
            # The first call creates the month, the second shows it to every session: see ensure_partition.sql.
            for _ in ("create", "show"):
                await connection.execute(_SQL["ensure_partition"], retention_class, at)
            self._made.add((retention_class, year, month))

    def forget(self) -> None:
        """Ask Postgres again for every month: the database may be another one, or an older copy."""
        self._made.clear()


async def append(connection: asyncpg.Connection, rows: Sequence[EventRow], *, copy: bool) -> tuple[int, dict[str, str]]:
    """Append the events that are not stored yet. Returns their number, and the stored accounts of the others by key.

    With `copy`, COPY writes them and raises asyncpg.UniqueViolationError if one is stored already.
    """
    # The lock is taken as late as possible; the commit that follows releases it. COPY takes half the time of INSERT.
    await connection.execute(_SQL["lock_append"])
    if copy:
        columns = EventRow._fields
        await connection.copy_records_to_table("events", schema_name="telnyx", columns=columns, records=rows)
        return len(rows), {}
    return await _inserted(connection, rows)


async def _inserted(connection: asyncpg.Connection, rows: Sequence[EventRow]) -> tuple[int, dict[str, str]]:
    columns = EventRow._fields[:-2]
    document = orjson.dumps([dict(zip(columns, row, strict=False)) for row in rows]).decode()
    bodies, signatures = [row.body for row in rows], [row.signature for row in rows]
    stored = await connection.fetch(_SQL["append"], document, bodies, signatures)
    if len(stored) == len(rows):
        return len(stored), {}
    added = {str(row["event_key"]) for row in stored}
    known = [row for row in rows if row.event_key not in added]
    accounts = await connection.fetch(
        _SQL["stored_accounts"],
        [row.retention_class for row in known],
        [row.occurred_at for row in known],
        [row.event_key for row in known],
    )
    return len(stored), {str(row["event_key"]): row["account"] for row in accounts}
