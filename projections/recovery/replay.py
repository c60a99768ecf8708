"""Publishes stored events to Kafka again, for a consumer that is new or has lost its data.

A replayed record equals the record that ingest made, plus the header `ledger_replay`. Everything selected up to the
reported position is in Kafka, so the next run can start there. Consumers that had the event before get a duplicate.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import asyncpg

from projections.engine.event_reader import (
    PAGE_BYTES,
    PAGE_EVENTS,
    PAGE_POSITIONS,
    is_full,
    last_position,
    position_before_next,
    stored,
)
from projections.engine.fault_isolation import Fault
from projections.sql import queries
from schemas.errors import Unavailable
from schemas.families.event_types import EventTypes
from schemas.kafka.record import Record, event_record, rfc3339
from schemas.kafka.sink import RecordSink
from schemas.kafka.topics import Topics
from schemas.retry import Backoff

REPLAYED = "ledger_replay"
CHUNKS_PER_SECOND = 10  # a limited rate is spread over the second in this many deliveries
PATIENCE_SECONDS = 30.0  # with a partition that has no leader, a broker that restarts

_SQL = queries("replay")


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """Events after position `after` that occurred in [since, until), of these types (exact, or a prefix with `*`).

    `rate` is the limit in events per second; 0 is as fast as Kafka acknowledges them.
    """

    since: datetime | None = None
    until: datetime | None = None
    types: Sequence[str] = ("*",)
    after: int = 0
    rate: float = 0


@dataclass(frozen=True, slots=True)
class ReplayProgress:
    """Every requested event up to and including `position` is in Kafka, except `refused`: reasons by event_key.

    An event is refused when Kafka rejects its record, or when its stored body is not an event any more.
    """

    position: int = 0
    end: int = 0
    events: int = 0
    refused: dict[str, str] = field(default_factory=dict)


async def replay(
    connection: asyncpg.Connection, sink: RecordSink, *, request: ReplayRequest, topics: Topics, began_at: datetime
) -> AsyncIterator[ReplayProgress]:
    """Delivers the requested events that are stored when it starts, and yields the progress after each delivery.

    The login of `connection` must be allowed to read bodies. `began_at` becomes the value of the header `ledger_replay`
    and identifies the run. Raises Unavailable when Kafka stays unavailable.
    """
    now = asyncio.get_running_loop().time
    mark = (REPLAYED, rfc3339(began_at).encode())
    progress = ReplayProgress(request.after, await last_position(connection))
    yield progress
    while progress.position < progress.end:
        upto = min(progress.end, progress.position + PAGE_POSITIONS)
        rows = await _page(connection, request, progress.position, upto)
        for chunk in _chunks(rows, request.rate):
            due = now() + (len(chunk) / request.rate if request.rate else 0)
            records, refused = _records(chunk, topics, mark)
            refused |= await acknowledged(sink, records)
            progress = replace(
                progress,
                position=chunk[-1]["position"],
                events=progress.events + len(chunk) - len(refused),
                refused=progress.refused | refused,
            )
            yield progress
            await asyncio.sleep(due - now())
        if not is_full(rows, PAGE_EVENTS):
            if not rows and upto < progress.end:
                upto = await position_before_next(connection, upto, progress.end)
            progress = replace(progress, position=upto)
            yield progress


async def _page(
    connection: asyncpg.Connection, request: ReplayRequest, position: int, upto: int
) -> Sequence[asyncpg.Record]:
    names, prefixes = EventTypes(*request.types).sql_patterns
    rows: Sequence[asyncpg.Record] = await connection.fetch(
        _SQL["page"], position, upto, request.since, request.until, names, prefixes, PAGE_EVENTS, PAGE_BYTES
    )
    return rows


def _chunks(rows: Sequence[asyncpg.Record], rate: float) -> list[Sequence[asyncpg.Record]]:
    size = min(PAGE_EVENTS, max(1, int(rate / CHUNKS_PER_SECOND))) if rate else PAGE_EVENTS
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def _records(
    rows: Sequence[asyncpg.Record], topics: Topics, mark: tuple[str, bytes]
) -> tuple[list[Record], dict[str, str]]:
    """(records, reasons by event_key for the rows whose body is not an event any more)."""
    records, refused = [], {}
    for row in rows:
        found = stored(row)
        if isinstance(found, Fault):
            refused[found.event_key] = f"its body is not an event any more: {found.error_class}"
        else:
            record = event_record(topics, *found)
            records.append(record._replace(headers=(*record.headers, mark)))
    return records, refused


async def acknowledged(sink: RecordSink, records: Sequence[Record]) -> dict[str, str]:
    """Returns when Kafka has acknowledged or refused every record; gives the reasons of the refused, by event_key.

    Raises Unavailable after PATIENCE_SECONDS. Some records may be in Kafka by then: the next run repeats them.
    """
    now = asyncio.get_running_loop().time
    give_up_at, backoff = now() + PATIENCE_SECONDS, Backoff(0.5, 8.0)
    refused: dict[str, str] = {}
    pending = list(records)
    while pending:
        try:
            verdicts = await sink.deliver(pending)
        except Unavailable as unavailable:
            verdicts = [unavailable] * len(pending)
        answers = list(zip(pending, verdicts, strict=True))
        refused |= {
            record.event_key: f"not taken: {verdict}"
            for record, verdict in answers
            if verdict is not None and not isinstance(verdict, Unavailable)
        }
        pending = [record for record, verdict in answers if isinstance(verdict, Unavailable)]
        if pending:
            if now() >= give_up_at:
                raise next(verdict for verdict in verdicts if isinstance(verdict, Unavailable))
            await asyncio.sleep(backoff.next_seconds())
    return refused
