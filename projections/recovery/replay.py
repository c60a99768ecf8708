"""Stored events into Kafka once more, for a consumer that is new or has lost what it had.

A record is what ingest made of the same delivery, and the header `ledger_replay` besides; who had it before has a
duplicate. What is in Kafka is always everything that was wanted up to a position, so that the next run goes on there.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import asyncpg

from projections.engine.event_reader import PAGE_EVENTS, PAGE_POSITIONS, last_position, stored
from projections.engine.fault_isolation import Fault
from projections.sql import queries
from schemas.errors import Unavailable
from schemas.families.event_types import EventTypes
from schemas.kafka.record import Record, event_record, rfc3339
from schemas.kafka.sink import RecordSink
from schemas.kafka.topics import Topics

REPLAYED = "ledger_replay"
CHUNKS_PER_SECOND = 10  # of a limited rate: how smooth it is
WAIT_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)  # for a partition without leader, a broker that restarts

_SQL = queries("replay")


@dataclass(frozen=True, slots=True)
class ReplayFilter:
    """Events that occurred in [since, until), of these types (exact, or a prefix with `*`), after a position."""

    since: datetime | None = None
    until: datetime | None = None
    types: Sequence[str] = ("*",)
    after: int = 0


@dataclass(slots=True)
class ReplayProgress:
    """How far it is. Up to and including `position` everything that was wanted is in Kafka, but for `refused`: by
    event_key, why Kafka does not take it, or that its body is no event any more."""

    position: int = 0
    end: int = 0
    events: int = 0
    refused: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Replay:
    """One run: from `connection`, whose login may read bodies, to `sink`. `rate` is events a second at most,
    0: as fast as they are acknowledged. `began_at` is the value of the header: it tells one run from another."""

    connection: asyncpg.Connection
    sink: RecordSink
    topics: Topics
    began_at: datetime
    rate: float = 0

    async def run(self, wanted: ReplayFilter, done: ReplayProgress, tick: Callable[[], None]) -> None:
        """Up to what is stored at the start: what comes later is published as it comes. `done` is kept up to date, also
        when this is cancelled, and `tick` called as it grows. Raises Unavailable where Kafka stays away."""
        done.position, done.end = wanted.after, await last_position(self.connection)
        while done.position < done.end:
            upto = min(done.end, done.position + PAGE_POSITIONS)
            rows = await self._page(wanted, done.position, upto)
            for start in range(0, len(rows), self._chunk):
                await self._deliver(rows[start : start + self._chunk], done)
                tick()
            if len(rows) < PAGE_EVENTS:
                done.position = upto
                tick()

    async def _page(self, wanted: ReplayFilter, position: int, upto: int) -> Sequence[asyncpg.Record]:
        names, prefixes = EventTypes(*wanted.types).sql_patterns
        rows: Sequence[asyncpg.Record] = await self.connection.fetch(
            _SQL["page"], position, upto, wanted.since, wanted.until, names, prefixes, PAGE_EVENTS
        )
        return rows

    @property
    def _chunk(self) -> int:
        return min(PAGE_EVENTS, max(1, int(self.rate / CHUNKS_PER_SECOND))) if self.rate else PAGE_EVENTS

    async def _deliver(self, rows: Sequence[asyncpg.Record], done: ReplayProgress) -> None:
        now = asyncio.get_running_loop().time
        due = now() + (len(rows) / self.rate if self.rate else 0)
        records = []
        for row in rows:
            found = stored(row)
            if isinstance(found, Fault):
                done.refused[found.event_key] = f"its body is no event any more: {found.error_class}"
            else:
                records.append(self._marked(event_record(self.topics, *found)))
        refused = await acknowledged(self.sink, records)
        done.refused |= refused
        done.events += len(records) - len(refused)
        done.position = rows[-1]["position"]
        await asyncio.sleep(due - now())

    def _marked(self, record: Record) -> Record:
        return record._replace(headers=(*record.headers, (REPLAYED, rfc3339(self.began_at).encode())))


async def acknowledged(sink: RecordSink, records: Sequence[Record]) -> dict[str, str]:
    """Returns when Kafka has them all; gives those that it refuses, by event_key. Raises Unavailable after half a
    minute of trying: some may be there by then, and are duplicates later."""
    refused: dict[str, str] = {}
    left = list(records)
    waits = iter(WAIT_SECONDS)
    while left:
        try:
            verdicts = await sink.deliver(left)
        except Unavailable as away:
            verdicts = [away] * len(left)
        answers = list(zip(left, verdicts, strict=True))
        refused |= {
            record.event_key: f"not taken: {verdict}"
            for record, verdict in answers
            if verdict is not None and not isinstance(verdict, Unavailable)
        }
        left = [record for record, verdict in answers if isinstance(verdict, Unavailable)]
        if left:
            wait = next(waits, None)
            if wait is None:
                raise next(verdict for verdict in verdicts if isinstance(verdict, Unavailable))
            await asyncio.sleep(wait)
    return refused
