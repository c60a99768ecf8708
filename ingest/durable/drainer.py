"""Delivers spooled records to the sink, in order and in batches. While the sink is unavailable, only this asks it.

Invariant: an entry leaves the spool when the sink has it, or for `refused` when the sink will never take it.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any, Protocol

import structlog

from ingest.durable.spool import STALL_SECONDS, Spool
from ingest.durable.spool_file import SpoolEntry
from schemas.errors import Rejected, Unavailable
from schemas.kafka.sink import RecordSink, Verdict
from schemas.metrics import Counter
from schemas.retry import Backoff

BATCH_RECORDS = 500
PROBE_RECORDS = 20  # for a sink that failed last time: records without an answer may be there twice
BATCH_BYTES = 4 * 1024 * 1024
DELAYED_SECONDS = 0.1  # after a batch of which nothing was delivered
NOW = 0.0

_log = structlog.get_logger(__name__)


class DrainMetrics(Protocol):
    """The counters of the drainer, in records."""

    @property
    def drained(self) -> Counter: ...


class DrainListener(Protocol):
    """Learns how the sink answers."""

    def sink_failed(self, why: str) -> None:
        """The sink as a whole did not answer."""

    def sink_answered(self) -> None:
        """The sink took records."""

    async def spool_unusable(self) -> None:
        """The spool is full or failing, and has nothing to deliver: ask the sink itself, if at all."""


class Drainer:
    """One task, `run`, which sleeps until `wake`. The other methods are called on the same loop."""

    def __init__(self, spool: Spool, sink: RecordSink, listener: DrainListener, metrics: DrainMetrics) -> None:
        self._spool = spool
        self._sink = sink
        self._listener = listener
        self._metrics = metrics
        self._arrived = asyncio.Event()
        self._nudged = asyncio.Event()
        self._skipped: set[int] = set()
        self._after = 0
        self._again_at: float | None = None
        self._at_end = False
        self._refused_due = True
        self._again = Backoff()
        self._pause = Backoff()
        self._limit = BATCH_RECORDS
        self._finishing = False

    def wake(self) -> None:
        """The spool has a new entry."""
        self._arrived.set()

    def restart(self, *, with_refused: bool = False) -> None:
        """Begin at the head of the spool now: the sink or the file is back.

        `with_refused`: the sink may take what it refused, because its configuration or the connection is new.
        """
        self._refused_due = self._refused_due or with_refused
        self._again_at = NOW
        self._arrived.set()
        self._nudged.set()

    def skip(self, seq: int) -> None:
        """Pass over an entry whose publish is still under way."""
        self._skipped.add(seq)

    def publish_ended(self, seq: int, *, is_due: bool) -> None:
        """The publish of a skipped entry has ended. It is due where that was without success."""
        self._skipped.discard(seq)
        if is_due:
            self._try_again_later()
            self._arrived.set()

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
                batch = await self._unless_stalled(self._next_batch())
            except Unavailable:
                await self._listener.spool_unusable()
                await self._wait(self._pause.next_seconds())
                continue
            self._at_end = not batch
            if batch:
                await self._handle(batch)
            elif not self._finishing:
                await self._idle()

    async def _next_batch(self) -> list[SpoolEntry]:
        if self._refused_due:
            await self._spool.retry_refused()
            self._refused_due = False
        return await self._spool.next_batch(self._after, self._limit, BATCH_BYTES)

    async def _unless_stalled(self, reading: Coroutine[Any, Any, list[SpoolEntry]]) -> list[SpoolEntry]:
        """The result. While the disk does not answer, requests can go to the sink alone."""
        task = asyncio.create_task(reading)
        try:
            while not (await asyncio.wait([task], timeout=STALL_SECONDS))[0]:
                await self._listener.spool_unusable()
            return task.result()
        finally:
            task.cancel()

    def _rewind_if_due(self) -> None:
        # Entries that have to wait do not hold up those behind them: the drainer rewinds only at the end of the spool.
        due = self._again_at
        if due is not None and (due == NOW or (self._at_end and asyncio.get_running_loop().time() >= due)):
            self._after, self._again_at, self._at_end = 0, None, False

    async def _handle(self, batch: list[SpoolEntry]) -> None:
        due = [entry for entry in batch if entry.seq not in self._skipped]
        try:
            verdicts = await self._sink.deliver([entry.record for entry in due]) if due else []
        except Unavailable as unavailable:
            self._listener.sink_failed(str(unavailable))
            self._limit = PROBE_RECORDS
            await self._wait(self._pause.next_seconds())
            return
        self._after, self._limit = batch[-1].seq, BATCH_RECORDS
        delayed = await self._sort_out(due, verdicts)
        if delayed:
            self._try_again_later()
        if delayed < len(due):
            self._pause.reset()
            self._listener.sink_answered()
        elif due:
            # A short pause: the records behind these may be for a partition that answers.
            await self._wait(DELAYED_SECONDS)

    async def _sort_out(self, entries: list[SpoolEntry], verdicts: Sequence[Verdict]) -> int:
        """Act on the verdicts. Returns how many entries have to be tried again."""
        delivered, delayed = [], 0
        for entry, verdict in zip(entries, verdicts, strict=True):
            if verdict is None:
                delivered.append(entry.seq)
            elif isinstance(verdict, Unavailable):
                delayed += 1
            else:
                await self._refuse(entry, verdict)
        self._spool.delete(delivered)
        self._metrics.drained.inc(len(delivered))
        return delayed

    async def _refuse(self, entry: SpoolEntry, verdict: Rejected) -> None:
        try:
            await self._spool.refuse(entry.seq, verdict.reason)
        except Unavailable:
            self._try_again_later()
            return
        record = entry.record
        _log.error("record_refused", reason=verdict.reason, topic=record.topic, event_key=record.event_key)

    def _try_again_later(self) -> None:
        if self._again_at is None:
            self._again_at = asyncio.get_running_loop().time() + self._again.next_seconds()

    async def _idle(self) -> None:
        """At the end of the spool: wait for an entry, or until delayed entries are due."""
        if not self._spool.usable:
            # Requests can go to the sink alone, and no delivery will show that it answers.
            await self._listener.spool_unusable()
            await self._wait(self._pause.next_seconds())
            return
        if self._again_at is None:
            self._again.reset()
            await self._arrived.wait()
            return
        seconds = self._again_at - asyncio.get_running_loop().time()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._arrived.wait(), max(seconds, 0))

    async def _wait(self, seconds: float) -> None:
        if not self._finishing:
            self._nudged.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._nudged.wait(), seconds)
