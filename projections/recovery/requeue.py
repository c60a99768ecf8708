"""Requeues quarantined webhooks: a row of quarantine becomes the record that ingest would have made of it.

The signature is verified again with every known key, and the body is read again. A webhook that was quarantined for a
missing key or by an older reader is let in; a forgery never is.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from projections.engine.quarantine import signature_holds
from projections.signing_keys import key_book
from projections.sql import queries
from schemas.kafka.record import Delivery, Record, event_record
from schemas.kafka.sink import RecordSink
from schemas.kafka.topics import Topics
from schemas.reading.event import Unreadable, read
from schemas.reading.signing import Key, KeyRing

PAGE_ROWS = 100

_SQL = queries("quarantine")


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A row of quarantine without its body and signature."""

    quarantine_key: str
    account: str | None
    reason: str
    received_at: datetime
    key_id: str | None
    body_bytes: int
    requeued_at: datetime | None


@dataclass(frozen=True, slots=True)
class RequeuedPage:
    """The result for some of the rows: the keys that were requeued, and the reasons by key for those that were not."""

    requeued: list[str]
    refused: dict[str, str]


async def quarantined(connection: asyncpg.Connection, reason: str | None = None) -> list[Quarantined]:
    rows = await connection.fetch(_SQL["list"], reason)
    return [Quarantined(**(dict(row) | {"quarantine_key": str(row["quarantine_key"])})) for row in rows]


async def keys_by_reason(connection: asyncpg.Connection, reason: str) -> list[str]:
    """The keys of the rows with this reason that were not requeued yet."""
    return [str(row["quarantine_key"]) for row in await connection.fetch(_SQL["keys_by_reason"], reason)]


async def requeue(
    connection: asyncpg.Connection, keys: Sequence[str], *, topics: Topics, sink: RecordSink
) -> AsyncIterator[RequeuedPage]:
    """Delivers the rows that are events now and marks them, a page at a time. Repeating it is harmless.

    Raises Unavailable; the rows delivered before are marked.
    """
    known = await key_book(connection, KeyRing([]))
    for start in range(0, len(keys), PAGE_ROWS):
        page = keys[start : start + PAGE_ROWS]
        rows = {str(row["quarantine_key"]): row for row in await connection.fetch(_SQL["read"], page)}
        records: dict[str, Record] = {}
        refused: dict[str, str] = {}
        for key in page:
            made = record_of(rows[key], known, topics) if key in rows else "there is no such row in quarantine"
            if isinstance(made, Record):
                records[key] = made
            else:
                refused[key] = made
        verdicts = dict(zip(records, await sink.deliver([*records.values()]), strict=True)) if records else {}
        requeued = [key for key, verdict in verdicts.items() if verdict is None]
        await connection.execute(_SQL["mark_requeued"], requeued)
        refused |= {key: f"not taken: {verdict}" for key, verdict in verdicts.items() if verdict is not None}
        yield RequeuedPage(requeued, refused)


def record_of(row: asyncpg.Record, keys: Mapping[str, Key], topics: Topics) -> Record | str:
    """The record of a row of quarantine, or the reason why it cannot become an event."""
    delivery = Delivery(
        body=row["body"],
        signature=row["signature"] or b"",
        signed_timestamp=row["signed_timestamp"] or "",
        key_id=row["key_id"] or "",
        account=row["account"] or "",
        received_at=row["received_at"],
    )
    if delivery.key_id not in keys:
        return f"key {delivery.key_id or '(none)'} is not known here, so its signature cannot be verified"
    if not signature_holds(delivery, keys):
        return "its signature does not verify: Telnyx did not send this"
    event = read(delivery.body)
    if isinstance(event, Unreadable):
        return f"its body is still not an event: {event.reason}"
    return event_record(topics, event, delivery._replace(account=keys[delivery.key_id].account))
