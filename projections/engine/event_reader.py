"""Reads stored events back for projections: the body is read again, the account is the stored one.

Invariant: the signed body is applied again, nothing that was computed from it before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from projections.engine.fault_isolation import Fault
from projections.engine.projection import Projection, Stored
from projections.sql import queries
from schemas.families.event_types import EventTypes
from schemas.kafka.record import Delivery
from schemas.reading.event import Unreadable, read

PAGE_EVENTS = 500
PAGE_BYTES = 8 * 1024 * 1024
PAGE_POSITIONS = 50_000
LONGEST_SECONDS = 24 * 60 * 60

_SQL = queries("event_reader")


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of `events` by position; all up to and including `position` were read."""

    rows: list[dict[str, Any]]
    position: int


async def last_position(connection: asyncpg.Connection) -> int:
    """The greatest committed position, 0 for an empty store."""
    position: int = await connection.fetchval(_SQL["last_position"])
    return position


async def page_after(
    connection: asyncpg.Connection, projections: Sequence[Projection], position: int, end: int, limit: int
) -> Page:
    """At most `limit` events of about 8 MB after `position` and up to `end` that any of the projections takes."""
    taken = EventTypes.union(projection.event_types for projection in projections)
    upto = min(end, position + PAGE_POSITIONS)
    rows = await connection.fetch(_SQL["between_positions"], position, upto, *taken.sql_patterns, limit, PAGE_BYTES)
    if not rows and upto < end:
        # After a restore, positions go on far above the last one.
        upto = await position_before_next(connection, upto, end)
    return Page([dict(row) for row in rows], rows[-1]["position"] if is_full(rows, limit) else upto)


def is_full(rows: Sequence[Mapping[str, Any]], limit: int) -> bool:
    """Whether a page ended by its limits: more events may follow."""
    return len(rows) == limit or sum(len(row["body"]) for row in rows) >= PAGE_BYTES


async def position_before_next(connection: asyncpg.Connection, position: int, end: int) -> int:
    """The last position before the next stored event after `position`, and `end` if there is none up to it."""
    found: int | None = await connection.fetchval(_SQL["next_position"], position)
    return min(end, found - 1) if found is not None else end


async def events_by_key(
    connection: asyncpg.Connection, places: Mapping[str, tuple[str, datetime] | None]
) -> dict[str, Stored | Fault]:
    """The events with these keys, by key; unknown keys are left out.

    `places` are their retention classes and times of occurrence. An event that is not there, or has none, is searched
    in the whole store.
    """
    known = [(key, *place) for key, place in places.items() if place is not None]
    async with connection.transaction(readonly=True):
        await connection.execute("set local statement_timeout = 0")
        columns = [[row[column] for row in known] for column in (1, 2, 0)]
        rows = await connection.fetch(_SQL["by_place"], *columns, timeout=LONGEST_SECONDS) if known else []
        elsewhere = sorted(places.keys() - {str(row["event_key"]) for row in rows})
        if elsewhere:
            rows += await connection.fetch(_SQL["by_key"], elsewhere, timeout=LONGEST_SECONDS)
    return {str(row["event_key"]): stored(row) for row in rows}


def stored(row: Mapping[str, Any]) -> Stored | Fault:
    """The event and its evidence, or a fault: today's reader may find no event in a body that an older one accepted."""
    found = read(row["body"])
    if isinstance(found, Unreadable):
        return Fault(str(row["event_key"]), f"Unreadable: {found.reason}", None)
    return found, Delivery(
        body=row["body"],
        signature=row["signature"],
        signed_timestamp=row["signed_timestamp"],
        key_id=row["key_id"],
        account=row["account"],
        received_at=row["received_at"],
    )
