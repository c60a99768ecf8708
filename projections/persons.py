"""person_events: which webhooks name a person, so that everything about one is found without reading every event.

Filled behind the batches in order of position, which is the order of commits: every event up to the stored position is
in, and whoever needs the rest reads it from the store. So no batch pays for it, and no answer has to wait for it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

import asyncpg
import structlog

from projections.database import brief_transaction
from projections.deliveries import DEFAULT_STATUS
from projections.positioning import connection_to
from projections.queries import queries
from projections.stored_events import last_position
from projections.table import Row, table
from projections.writing import upsert
from schemas.clean import parties, party, unique
from schemas.errors import Misconfigured, Unavailable
from schemas.event import LINK_CLICKED, Event, read

EVERY_SECONDS = 30.0
PAGE_EVENTS = 200  # whoever fills beside the batches gets in their way for some milliseconds at a time
PAGE_POSITIONS = 50_000
EVENT_TYPES = ["message.received", *DEFAULT_STATUS, LINK_CLICKED]

PERSON_EVENTS = table(
    "person_events",
    key="phone_number text, occurred_at timestamptz, event_key uuid",
    constants="retention_class text",
)
Progress = Callable[[int, int], None]  # position reached, position of the last event
_SQL = queries("persons")
log = structlog.get_logger()


def persons(event: Event) -> list[str]:
    """Whom an event is about: who wrote to us, who was sent to or copied in, who opened a link; each once."""
    payload = event.payload
    named = [party(payload.get("from"))] if event.type == "message.received" else parties(payload.get("to"))
    return unique([*named, *parties(payload.get("cc"))])


async def fill(connection: asyncpg.Connection, progress: Progress = lambda _done, _end: None) -> None:
    """Adds what was stored since; where another session is at it, it returns.

    Interrupted, it goes on from there; the connection must then be thrown away.
    """
    end, position = await last_position(connection), -1
    while position < end:
        async with brief_transaction(connection):
            start = await connection.fetchval(_SQL["lock_position"])
            if start is None:
                return
            found, position = await _page(connection, start, end)
            await upsert(connection, PERSON_EVENTS, found)
            await connection.execute(_SQL["move_position"], position)
        progress(position, end)


async def unfilled(connection: asyncpg.Connection, progress: Progress) -> AsyncIterator[Row]:
    """The rows that are not in the table yet, as far as the caller's snapshot goes."""
    position, end = await connection.fetchval(_SQL["filled_position"]), await last_position(connection)
    while position < end:
        found, position = await _page(connection, position, end)
        for row in found:
            yield row
        progress(position, end)


async def _page(connection: asyncpg.Connection, position: int, end: int) -> tuple[list[Row], int]:
    """Rows of the next events after `position`, and the position that is reached with them."""
    upto = max(position, min(end, position + PAGE_POSITIONS))
    page = await connection.fetch(_SQL["after_position"], position, upto, EVENT_TYPES, PAGE_EVENTS)
    found = [row for stored in page for row in _rows(stored)]
    return found, page[-1]["position"] if len(page) == PAGE_EVENTS else upto


def _rows(stored: asyncpg.Record) -> list[Row]:
    """One row per person, under the identity by which the event is stored, whatever became of its body."""
    event = read(stored["body"])
    identity = {
        "occurred_at": stored["occurred_at"],
        "event_key": str(stored["event_key"]),
        "retention_class": stored["retention_class"],
    }
    return [{"phone_number": one, **identity} for one in persons(event)] if isinstance(event, Event) else []


async def keep_filled(database_url: str, *, every_seconds: float = EVERY_SECONDS) -> None:
    """Fills until cancelled. While Postgres is away, the batches say so; what it refuses is told, and tried again."""
    while True:
        try:
            async with connection_to(database_url) as connection:
                await fill(connection)
        except (Unavailable, Misconfigured):
            pass
        except asyncpg.PostgresError as error:
            log.error("persons_not_filled", error=type(error).__name__, sqlstate=error.sqlstate)
        await asyncio.sleep(every_seconds)
