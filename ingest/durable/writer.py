"""Where a record goes to be durable: Kafka when it answers in time, the spool otherwise; a promise is kept by either.

Whoever returns from `persist` may answer 2xx. What went to the spool leaves it only when the target has it, and one
task, the drainer, brings it there; it is also the only one that asks a target which is away.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

from ingest.durable.breaker import Breaker
from ingest.durable.deadlines import GIVEN_UP, Deadlines, GivenUp
from ingest.durable.drainer import Drainer, DrainMetrics
from ingest.durable.spool import Spool
from ingest.kafka.producer import Counter
from ingest.kafka.publisher import Publisher
from schemas.errors import Unavailable
from schemas.kafka.record import Record
from schemas.kafka.sink import RecordSink, Verdict

SPOOL_RESERVE_SECONDS = 0.3  # what is kept of a deadline for the spool
# A deadline (1.5 s) is for body, look-up and publish; a disk that stalls has until shortly before 2 s, the last moment.
SPOOL_GRACE_SECONDS = 0.3
CLOSE_SECONDS = 2.0


class OutboxMetrics(DrainMetrics, Protocol):
    """What the outbox counts, in records."""

    @property
    def spooled(self) -> Counter: ...


class _Attempt:
    """A publish under way. When it is given up it stays attached to the spool entry that stands in for it."""

    __slots__ = ("future", "outbox", "seq", "verdict")

    def __init__(self, outbox: "Outbox", loop: asyncio.AbstractEventLoop) -> None:
        self.outbox = outbox
        self.future: asyncio.Future[Verdict | GivenUp] = loop.create_future()
        self.seq: int | None = None
        self.verdict: Verdict | GivenUp = GIVEN_UP

    def settle(self, verdict: Verdict) -> None:
        """Kafka's verdict, in time or late."""
        if not self.future.done():
            self.future.set_result(verdict)
            return
        self.verdict = verdict
        if self.seq is not None:
            self.outbox.settled_late(self.seq, verdict)

    def attach(self, seq: int) -> None:
        """From now on the verdict is about this entry of the spool; it may have come while the entry was written."""
        self.seq = seq
        if not isinstance(self.verdict, GivenUp):
            self.outbox.settled_late(seq, self.verdict)


class Outbox:
    """The durable port of ingest: with a `publisher` Kafka first, else everything goes by the spool to `target`."""

    def __init__(
        self,
        spool: Spool,
        metrics: OutboxMetrics,
        *,
        publisher: Publisher | None = None,
        target: RecordSink | None = None,
    ) -> None:
        drained_to = publisher or target
        if drained_to is None:
            raise ValueError("an outbox needs a publisher or a target")
        self._spool = spool
        self._metrics = metrics
        self._publisher = publisher
        self._breaker = Breaker()
        self._deadlines = Deadlines()
        self._drainer = Drainer(spool, drained_to, self._breaker, metrics, publisher=publisher)
        self._draining: asyncio.Task[None] | None = None

    @property
    def can_accept(self) -> bool:
        """Whether a 2xx could be honoured now."""
        return self._spool.usable or (self._publisher is not None and not self.sink_unavailable)

    @property
    def sink_unavailable(self) -> bool:
        """Whether records wait in the spool because the target did not answer."""
        return self._breaker.is_open or (self._publisher is not None and not self._publisher.connected)

    @property
    def draining(self) -> "asyncio.Task[None] | None":
        """The drainer's task. Before `close` it ends only by a bug: whoever runs the process watches it."""
        return self._draining

    def recent_keys(self) -> Sequence[tuple[str, str]]:
        """(topic, event_key) of what waited in the spool at the start, newest first; given once."""
        return self._spool.recent_keys()

    async def start(self) -> None:
        """Open the spool, try Kafka once, begin to drain. Raises Misconfigured, with nothing left open."""
        await self._spool.open()
        self._spool.on_stored = self._drainer.wake
        self._spool.on_opened = self._drainer.begin_again
        if self._publisher is not None:
            self._publisher.on_up = self._drainer.begin_again
            try:
                await self._publisher.start()
            except BaseException:
                await self._spool.close()
                raise
        self._draining = asyncio.create_task(self._drainer.run())

    async def close(self) -> None:
        """Finish the batch and the publishes under way, within a few seconds; the rest stays in the spool."""
        if self._draining is not None:
            self._drainer.finish()
            await asyncio.wait([self._draining], timeout=CLOSE_SECONDS)
            self._draining.cancel()
            with suppress(asyncio.CancelledError):
                await self._draining
        if self._publisher is not None:
            await self._publisher.close(CLOSE_SECONDS)
        await self._spool.close()

    async def wait_for_idle_producer(self) -> None:
        """Return when Kafka would get a record at once: no produce request is under way, or one has been for 10 ms."""
        if self._publisher is not None:
            await self._publisher.wait_for_idle_producer()

    async def persist(self, record: Record, deadline: float) -> None:
        """Return when the record is durable. Raises Unavailable if nothing could take it, 0.3 s after `deadline` (loop
        time) at the latest."""
        attempt = self._published(record, deadline - SPOOL_RESERVE_SECONDS)
        if attempt is None:
            await self._spooled(record, deadline)
            return
        verdict = await attempt.future
        if verdict is None:
            return
        # Refused, or its partition is away: it goes by the spool too, durable at once; the drainer sees to the rest.
        given_up = isinstance(verdict, GivenUp)
        if given_up:
            self._drainer.sink_failed("no acknowledgement in time")
        seq = await self._spooled(record, deadline)
        if given_up:
            self._drainer.leave(seq)
            attempt.attach(seq)

    def settled_late(self, seq: int, verdict: Verdict) -> None:
        """A publish that was given up has ended: if it was acknowledged, its entry has done its duty."""
        if verdict is None:
            self._spool.delete([seq])
        self._drainer.release(seq, again=verdict is not None)

    def _published(self, record: Record, give_up_at: float) -> _Attempt | None:
        loop = asyncio.get_running_loop()
        if self._publisher is None or self._breaker.is_open or loop.time() >= give_up_at:
            return None
        attempt = _Attempt(self, loop)
        try:
            self._publisher.publish(record, attempt.settle)
        except Unavailable:
            return None
        self._deadlines.watch(attempt.future, give_up_at)
        return attempt

    async def _spooled(self, record: Record, deadline: float) -> int:
        future: asyncio.Future[int | GivenUp] = self._spool.append(record)
        self._deadlines.watch(future, deadline + SPOOL_GRACE_SECONDS)
        seq = await future
        if isinstance(seq, GivenUp):
            raise Unavailable("the spool did not answer in time")
        self._metrics.spooled.inc()
        return seq
