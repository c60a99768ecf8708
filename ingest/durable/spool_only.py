"""The durable port of embedded mode: every record goes to the spool, and from there into the sink.

Invariant: a record leaves the spool only when the sink has it.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

import structlog

from ingest.durable.breaker import Breaker
from ingest.durable.deadlines import Deadlines, GivenUp
from ingest.durable.drainer import Drainer, DrainMetrics
from ingest.durable.spool import Spool
from schemas.errors import Unavailable
from schemas.kafka.record import Record
from schemas.kafka.sink import RecordSink
from schemas.metrics import Counter

# The deadline (1.5 s) covers body, look-up and publish. A disk that stalls has until shortly before 2 s, which is when
# Telnyx gives up.
SPOOL_GRACE_SECONDS = 0.3
CLOSE_SECONDS = 2.0

_log = structlog.get_logger(__name__)


class WriterMetrics(DrainMetrics, Protocol):
    """The counters of a durable port, in records."""

    @property
    def spooled(self) -> Counter: ...


class SpoolOnly:
    """A DurablePort without Kafka."""

    def __init__(self, spool: Spool, sink: RecordSink, metrics: WriterMetrics) -> None:
        self.spool = spool
        self._metrics = metrics
        self._breaker = Breaker()
        self._deadlines = Deadlines()
        self._drainer = Drainer(spool, sink, self, metrics)
        self._draining: asyncio.Task[None] | None = None

    @property
    def can_accept(self) -> bool:
        """Whether the spool would take a record now."""
        return self.spool.usable

    @property
    def problem(self) -> str | None:
        """As DurablePort says."""
        return self.spool.problem

    @property
    def sink_unavailable(self) -> bool:
        """Whether the last batch could not be delivered."""
        return self._breaker.is_open

    @property
    def draining(self) -> "asyncio.Task[None] | None":
        """The drainer's task, from `start` on."""
        return self._draining

    @property
    def tasks(self) -> "Sequence[asyncio.Task[None]]":
        """As ManagedPort says."""
        return [self._draining] if self._draining is not None else []

    def recent_keys(self) -> Sequence[tuple[str, str]]:
        """As DurablePort says."""
        return self.spool.recent_keys()

    async def start(self) -> None:
        """Open the spool and begin to drain. Raises Misconfigured."""
        await self._open_spool()
        self._begin_to_drain()

    async def close(self) -> None:
        """Finish the batch under way, within 2 s. The rest stays in the spool."""
        await self._end_draining()
        await self.spool.close()

    async def wait_for_idle_producer(self) -> None:
        """Return at once: no request to a sink is waited for."""

    async def persist(self, record: Record, deadline: float) -> None:
        """As DurablePort says."""
        await self._store(record, deadline)

    # The drainer calls these.

    def sink_failed(self, why: str) -> None:
        """Take the sink as unavailable until a batch is delivered."""
        if self._breaker.trip():
            _log.warning("target_away", why=why)

    def sink_answered(self) -> None:
        """A batch was delivered."""
        if self._breaker.close():
            _log.info("target_back", entries=self.spool.entries)

    async def spool_unusable(self) -> None:
        """The spool takes nothing. Nothing else can be tried here."""

    def retry_refused(self) -> None:
        """As ManagedPort says."""
        self._drainer.restart(with_refused=True)

    async def _open_spool(self) -> None:
        await self.spool.open()
        self.spool.on_stored = self.spool.on_unusable = self._drainer.wake
        self.spool.on_opened = self._drainer.restart

    def _begin_to_drain(self) -> None:
        self._draining = asyncio.create_task(self._drainer.run())

    async def _end_draining(self) -> None:
        if self._draining is not None:
            self._drainer.finish()
            await asyncio.wait([self._draining], timeout=CLOSE_SECONDS)
            self._draining.cancel()
            with suppress(asyncio.CancelledError):
                await self._draining

    async def _store(self, record: Record, deadline: float) -> int:
        """Put a record into the spool, and return its place there once it is on disk. Raises Unavailable."""
        future: asyncio.Future[int | GivenUp] = self.spool.append(record)
        self._deadlines.watch(future, deadline + SPOOL_GRACE_SECONDS)
        seq = await future
        if isinstance(seq, GivenUp):
            raise Unavailable("the spool did not answer in time")
        self._metrics.spooled.inc()
        return seq
