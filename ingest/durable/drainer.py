"""Brings what is in the spool to its target, in order and in batches, and is the only one to ask a target that is away.

An entry leaves the spool when its target has it, or for `refused` when the target never will. What could not be
delivered yet does not hold up what is behind it: the drainer goes on to the end and then begins again.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

import structlog

from ingest.durable.breaker import Breaker
from ingest.durable.spool import Spool
from ingest.durable.spool_file import SpoolEntry
from ingest.kafka.producer import Counter
from ingest.kafka.publisher import Publisher
from schemas.errors import Rejected, Unavailable
from schemas.kafka.sink import RecordSink, Verdict
from schemas.retry import Backoff

BATCH_RECORDS = 500
PROBE_RECORDS = 20  # of a target that failed last time: what it does not answer may be there twice
BATCH_BYTES = 4 * 1024 * 1024
NOW = 0.0

_log = structlog.get_logger(__name__)


class DrainMetrics(Protocol):
    """What the drainer counts, in records."""

    @property
    def drained(self) -> Counter: ...


class Drainer:
    """One task, `run`. It sleeps until it is woken; the other methods are called on the same loop."""

    def __init__(
        self, spool: Spool, sink: RecordSink, breaker: Breaker, metrics: DrainMetrics, *, publisher: Publisher | None
    ) -> None:
        self._spool = spool
        self._sink = sink
        self._breaker = breaker
        self._metrics = metrics
        self._publisher = publisher
        self._arrived = asyncio.Event()
        self._nudged = asyncio.Event()
        self._attached: set[int] = set()
        self._after = 0
        self._again_at: float | None = None
        self._at_end = False
        self._stalled = False
        self._again = Backoff()
        self._pause = Backoff()
        self._limit = BATCH_RECORDS
        self._finishing = False

    def wake(self) -> None:
        """There is a new entry."""
        self._arrived.set()

    def begin_again(self) -> None:
        """Begin at the head of the spool, now: the target or the file is back."""
        self._again_at = NOW
        self._arrived.set()
        self._nudged.set()

    def leave(self, seq: int) -> None:
        """Pass over an entry whose publish is still under way."""
        self._attached.add(seq)

    def release(self, seq: int, *, again: bool) -> None:
        """That publish has ended; `again`: without success, so that the entry is due."""
        self._attached.discard(seq)
        if again:
            self._left_behind()
            self._arrived.set()

    def sink_failed(self, why: str) -> None:
        """Send requests to the spool until a batch was delivered."""
        if self._breaker.trip():
            _log.warning("target_away", why=why)

    def finish(self) -> None:
        """End after the batch under way."""
        self._finishing = True
        self._arrived.set()
        self._nudged.set()

    async def run(self) -> None:
        """Drain until `finish`."""
        while not self._finishing:
            self._rewind_if_due()
            self._arrived.clear()
            try:
                batch = await self._spool.next_batch(self._after, self._limit, BATCH_BYTES)
            except Unavailable:
                await self._outlast_spool()
                continue
            self._at_end = len(batch) < self._limit
            if batch:
                await self._handle(batch)
            elif not self._finishing:
                await self._idle()

    def _rewind_if_due(self) -> None:
        # Only from the end, or what was left behind at the head would keep the rest from its turn.
        due = self._again_at
        if due is not None and (due == NOW or (self._at_end and asyncio.get_running_loop().time() >= due)):
            self._after, self._again_at, self._at_end = 0, None, False

    async def _handle(self, batch: list[SpoolEntry]) -> None:
        due = [entry for entry in batch if entry.seq not in self._attached]
        try:
            verdicts = await self._sink.deliver([entry.record for entry in due]) if due else []
        except Unavailable as away:
            self.sink_failed(str(away))
            self._limit = PROBE_RECORDS
            await self._wait(self._pause.next_seconds())
            return
        self._after = batch[-1].seq
        delayed = await self._sort_out(due, verdicts)
        if delayed:
            self._left_behind()
        if delayed < len(due):
            self._limit, self._stalled = BATCH_RECORDS, False
            self._pause.reset()
            self._sink_answered()
        elif due:  # more each time, since behind these there may be some for which it is not away
            self._limit = min(self._limit * 2, BATCH_RECORDS) if self._stalled else PROBE_RECORDS
            self._stalled = True
            await self._wait(self._pause.next_seconds())

    async def _sort_out(self, entries: list[SpoolEntry], verdicts: Sequence[Verdict]) -> int:
        """How many entries have to be tried again."""
        delivered, delayed = [], 0
        for entry, verdict in zip(entries, verdicts, strict=True):
            if verdict is None:
                delivered.append(entry.seq)
            elif isinstance(verdict, Unavailable):
                delayed += 1
            else:
                await self._park(entry, verdict)
        self._spool.delete(delivered)
        self._metrics.drained.inc(len(delivered))
        return delayed

    async def _park(self, entry: SpoolEntry, verdict: Rejected) -> None:
        try:
            await self._spool.refuse(entry.seq, verdict.reason)
        except Unavailable:
            self._left_behind()
            return
        record = entry.record
        _log.error("record_refused", reason=verdict.reason, topic=record.topic, event_key=record.event_key)

    def _sink_answered(self) -> None:
        # A target that answers slowly is drained to, but no request is made to wait for it.
        if self._publisher is None or self._publisher.is_fast:
            self._close_breaker()

    def _close_breaker(self) -> None:
        if self._breaker.close():
            _log.info("target_back", entries=self._spool.entries)

    def _left_behind(self) -> None:
        if self._again_at is None:
            self._again_at = asyncio.get_running_loop().time() + self._again.next_seconds()

    async def _idle(self) -> None:
        """At the end of the spool: wait for an entry, or until what was left behind is due."""
        if self._again_at is None:
            self._again.reset()
            await self._arrived.wait()
            return
        seconds = self._again_at - asyncio.get_running_loop().time()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._arrived.wait(), max(seconds, 0))

    async def _outlast_spool(self) -> None:
        """The spool fails, so there is nothing to try Kafka with: ask it, or requests would never go there again."""
        if self._publisher is not None and self._breaker.is_open and await self._publisher.answers():
            self._close_breaker()
        await self._wait(self._pause.next_seconds())

    async def _wait(self, seconds: float) -> None:
        if not self._finishing:
            self._nudged.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._nudged.wait(), seconds)
