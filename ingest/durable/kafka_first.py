"""The durable port of Kafka mode: a record goes to Kafka, or to the spool where Kafka does not answer in time.

Invariant: a record is in Kafka or in the spool before `persist` returns.
"""

import asyncio
from collections.abc import Sequence

from ingest.durable.deadlines import GIVEN_UP, GivenUp
from ingest.durable.spool import Spool
from ingest.durable.spool_only import CLOSE_SECONDS, SpoolOnly, WriterMetrics
from ingest.kafka.publisher import Publisher
from schemas.errors import Unavailable
from schemas.kafka.record import Record
from schemas.kafka.sink import Verdict

SPOOL_RESERVE_SECONDS = 0.3  # the part of a deadline that is kept for the spool


class _Attempt:
    """A publish under way. After the deadline it stays attached to the spool entry that stands in for it."""

    __slots__ = ("future", "port", "seq", "verdict")

    def __init__(self, port: "KafkaFirst", loop: asyncio.AbstractEventLoop) -> None:
        self.port = port
        self.future: asyncio.Future[Verdict | GivenUp] = loop.create_future()
        self.seq: int | None = None
        self.verdict: Verdict | GivenUp = GIVEN_UP

    def settle(self, verdict: Verdict) -> None:
        """Take Kafka's verdict, in time or late."""
        if not self.future.done():
            self.future.set_result(verdict)
            return
        self.verdict = verdict
        if self.seq is not None:
            self.port.settled_late(self.seq, verdict)

    def attach(self, seq: int) -> None:
        """From now on the verdict is about this entry of the spool."""
        self.seq = seq
        if not isinstance(self.verdict, GivenUp):  # it came while the entry was written
            self.port.settled_late(seq, self.verdict)


class KafkaFirst(SpoolOnly):
    """A DurablePort that publishes. Everything about the spool is as in SpoolOnly, and Kafka is its sink."""

    def __init__(self, spool: Spool, publisher: Publisher, metrics: WriterMetrics) -> None:
        super().__init__(spool, publisher, metrics)
        self._publisher = publisher

    @property
    def can_accept(self) -> bool:
        """Whether Kafka or the spool would take a record now."""
        return self.spool.usable or not self.sink_unavailable

    @property
    def problem(self) -> str | None:
        """As DurablePort says."""
        return None if self.can_accept else f"Kafka does not answer, and {self.spool.problem}"

    @property
    def sink_unavailable(self) -> bool:
        """Whether Kafka did not answer in time, or is not connected."""
        return self._breaker.is_open or not self._publisher.connected

    @property
    def tasks(self) -> "Sequence[asyncio.Task[None]]":
        """As ManagedPort says."""
        connecting = self._publisher.connecting
        return [*super().tasks, *([connecting] if connecting is not None else [])]

    async def start(self) -> None:
        """Open the spool, try Kafka once, begin to drain. Raises Misconfigured, with nothing left open."""
        await self._open_spool()
        self._publisher.on_up = self.retry_refused
        try:
            await self._publisher.start()
        except BaseException:
            await self.spool.close()
            raise
        self._begin_to_drain()

    async def close(self) -> None:
        """Finish the batch and the publishes under way, within a few seconds. The rest stays in the spool."""
        await self._end_draining()
        await self._publisher.close(CLOSE_SECONDS)
        await self.spool.close()

    async def wait_for_idle_producer(self) -> None:
        """Return when no produce request is under way, or one was just answered, or one has been for 10 ms."""
        await self._publisher.wait_for_idle_producer()

    async def persist(self, record: Record, deadline: float) -> None:
        """As DurablePort says."""
        attempt = self._publish(record, deadline - SPOOL_RESERVE_SECONDS)
        if attempt is None:
            await self._store(record, deadline)
            return
        verdict = await attempt.future
        if verdict is None:
            return
        # Refused, late, or without a leader: the spool makes the record durable now, and the drainer does the rest.
        given_up = isinstance(verdict, GivenUp)
        if given_up:
            self.sink_failed("no acknowledgement in time")
        seq = await self._store(record, deadline)
        if given_up:
            self._drainer.skip(seq)
            attempt.attach(seq)

    def settled_late(self, seq: int, verdict: Verdict) -> None:
        """A publish has ended after its deadline. If Kafka acknowledged it, its entry of the spool is not needed."""
        if verdict is None:
            self.spool.delete([seq])
        self._drainer.publish_ended(seq, is_due=verdict is not None)

    def sink_answered(self) -> None:
        """A batch was delivered. Requests go to Kafka again unless it answers slowly."""
        if self._publisher.is_fast:
            super().sink_answered()

    async def spool_unusable(self) -> None:
        """Ask Kafka without the spool: with nothing to drain, requests would never go there again."""
        if self._breaker.is_open and await self._publisher.answers():
            super().sink_answered()

    def _publish(self, record: Record, give_up_at: float) -> _Attempt | None:
        loop = asyncio.get_running_loop()
        if self._breaker.is_open or loop.time() >= give_up_at:
            return None
        attempt = _Attempt(self, loop)
        try:
            self._publisher.publish(record, attempt.settle)
        except Unavailable:
            return None
        self._deadlines.watch(attempt.future, give_up_at)
        return attempt
