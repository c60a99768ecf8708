"""Requeues what was parked: a row of quarantine becomes the record that ingest would have made, if it can by now.

Nothing is requeued on its reason alone: the signature is verified again with every key that is known, and the body is
read again. So what was parked for want of a key, or by an older reader, gets in, and a forgery never does.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
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
    """A row of quarantine without what was sent."""

    quarantine_key: str
    account: str | None
    reason: str
    received_at: datetime
    key_id: str | None
    body_bytes: int
    requeued_at: datetime | None


@dataclass(slots=True)
class Requeued:
    """What became of the rows that were asked for: the keys that were requeued, and why others were not."""

    requeued: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


async def quarantined(connection: asyncpg.Connection, reason: str | None = None) -> list[Quarantined]:
    """All rows, or those of one reason."""
    rows = await connection.fetch(_SQL["list"], reason)
    return [Quarantined(**(dict(row) | {"quarantine_key": str(row["quarantine_key"])})) for row in rows]


async def keys_by_reason(connection: asyncpg.Connection, reason: str) -> list[str]:
    """The rows of that reason which nobody has requeued yet."""
    return [str(row["quarantine_key"]) for row in await connection.fetch(_SQL["keys_by_reason"], reason)]


async def requeue(
    connection: asyncpg.Connection,
    keys: Sequence[str],
    *,
    topics: Topics,
    sink: RecordSink,
    tick: Callable[[int], None] = lambda _: None,
) -> Requeued:
    """Delivers what is an event now and marks its rows. Doing it again is harmless. Raises Unavailable: what was
    delivered by then is marked. `tick` follows each page with the number of rows that are done."""
    known = await key_book(connection, KeyRing([]))
    done = Requeued()
    for start in range(0, len(keys), PAGE_ROWS):
        page = keys[start : start + PAGE_ROWS]
        rows = {str(row["quarantine_key"]): row for row in await connection.fetch(_SQL["read"], page)}
        records: dict[str, Record] = {}
        for key in page:
            made = record_of(rows[key], known, topics) if key in rows else "there is no such row in quarantine"
            if isinstance(made, Record):
                records[key] = made
            else:
                done.refused[key] = made
        await _deliver(connection, records, sink, done)
        tick(start + len(page))
    return done


async def _deliver(
    connection: asyncpg.Connection, records: Mapping[str, Record], sink: RecordSink, done: Requeued
) -> None:
    verdicts = dict(zip(records, await sink.deliver(list(records.values())), strict=True)) if records else {}
    requeued = [key for key, verdict in verdicts.items() if verdict is None]
    await connection.execute(_SQL["mark_requeued"], requeued)
    done.requeued += requeued
    done.refused |= {key: f"not taken: {verdict}" for key, verdict in verdicts.items() if verdict is not None}


def record_of(row: asyncpg.Record, keys: Mapping[str, Key], topics: Topics) -> Record | str:
    """The record of a row of quarantine, or why it cannot become an event."""
    delivery = Delivery(
        body=row["body"],
        signature=row["signature"] or b"",
        signed_timestamp=row["signed_timestamp"] or "",
        key_id=row["key_id"] or "",
        account=row["account"] or "",
        received_at=row["received_at"],
    )
    if delivery.key_id not in keys:
        return f"key {delivery.key_id or '(none)'} is not known here, so nothing proves who sent it"
    if not signature_holds(delivery, keys):
        return "its signature does not verify: Telnyx did not send this"
    event = read(delivery.body)
    if isinstance(event, Unreadable):
        return f"its body still is no event: {event.reason}"
    return event_record(topics, event, delivery._replace(account=keys[delivery.key_id].account))
