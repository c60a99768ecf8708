"""Keeps a Kafka producer: started, checked and rebuilt in the background.

Invariant: no caller waits for a connection. No record is sent before the topics were found as strong as required. No
request creates a topic.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Protocol

import structlog

from ingest.kafka.aiokafka_internals import AIOKafkaClient, OwnTopicsClient, metadata_task_ended
from ingest.kafka.partition_queue import Done
from ingest.kafka.producer import REQUEST_TIMEOUT_MS, Producer, ProducerMetrics
from ingest.kafka.topic_check import FAILURES, create_or_check
from schemas.errors import Misconfigured, Unavailable
from schemas.kafka.record import Record
from schemas.kafka.sink import Verdict
from schemas.kafka.topics import Topics
from schemas.metrics import Counter
from schemas.retry import Backoff, SayOnce
from schemas.settings import KafkaSettings

FIRST_TRY_SECONDS = 1.0
KAFKA_CONNECT_SECONDS = 10.0
UNANSWERED_SECONDS = 10.0
CHECK_AGAIN_SECONDS = 600.0  # settings of a topic can be altered while it is written to
STOP_SECONDS = 5.0
FAST_SECONDS = 0.5
IDLE_WAIT_SECONDS = 0.01

_log = structlog.get_logger(__name__)


class PublisherMetrics(ProducerMetrics, Protocol):
    """The counters of the publisher."""

    @property
    def producer_rebuilds(self) -> Counter: ...


class Publisher:
    """A RecordSink. Without a producer, `publish` and `deliver` raise Unavailable at once."""

    def __init__(self, settings: KafkaSettings, metrics: PublisherMetrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._producer: Producer | None = None
        self._broken = asyncio.Event()
        self._why = ""
        self._connecting: asyncio.Task[None] | None = None
        self._retiring: set[asyncio.Task[None]] = set()
        self._state = SayOnce()
        self._surprise = SayOnce()
        self.on_up: Callable[[], None] = _nothing

    @property
    def connected(self) -> bool:
        """Whether there is a producer. Its topics were checked."""
        return self._producer is not None

    @property
    def is_fast(self) -> bool:
        """Whether the last acknowledgement took less than half a second, so that requests may wait for the next."""
        return self._producer is not None and self._producer.answer_seconds < FAST_SECONDS

    @property
    def connecting(self) -> "asyncio.Task[None] | None":
        """The task that keeps a producer, from `start` on. Before `close` only a bug ends it."""
        return self._connecting

    async def start(self) -> None:
        """Try Kafka for a second, then go on in the background. Raises Misconfigured if the topics are too weak."""
        try:
            async with asyncio.timeout(FIRST_TRY_SECONDS):
                self._producer = await self._connect()
        except (Unavailable, TimeoutError) as error:
            self._log_state("kafka_away", error=str(error) or "no answer yet")
        self._connecting = asyncio.create_task(self._stay_connected())

    async def close(self, limit_seconds: float = 2.0) -> None:
        """Wait for answers up to the limit, then close. The remaining records are answered as Unavailable."""
        if self._connecting is not None:
            self._connecting.cancel()
            with suppress(asyncio.CancelledError):
                await self._connecting
        if self._producer is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._producer.finished(), limit_seconds)
            self._retire()
        if self._retiring:
            await asyncio.wait(self._retiring, timeout=limit_seconds)

    def publish(self, record: Record, done: Done, *, probe: bool = False) -> None:
        """Send a record. `done` is called once with the verdict, after about 12 s at the latest.

        Raises Unavailable at once where it cannot be sent. `probe` also tries a partition that failed last time.
        """
        if self._producer is None:
            raise Unavailable("Kafka is unavailable")
        queue = self._producer.queue_of(record)
        if queue.unavailable and not probe:
            raise Unavailable("the record's partition is unavailable")
        self._producer.add(queue, record, done)

    async def wait_for_idle_producer(self) -> None:
        """Return when no produce request is under way, when one was answered, or after 10 ms."""
        if self._producer is not None:
            await self._producer.wait_for_answer(IDLE_WAIT_SECONDS)

    async def deliver(self, records: Sequence[Record]) -> Sequence[Verdict]:
        """As RecordSink says. Raises Unavailable without a producer."""
        if self._producer is None:
            raise Unavailable("Kafka is unavailable")
        return await asyncio.gather(*(self._probe(record) for record in records))

    def _probe(self, record: Record) -> "asyncio.Future[Verdict]":
        future: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        try:
            self.publish(record, partial(_resolve, future), probe=True)
        except Unavailable as away:
            future.set_result(away)
        return future

    async def answers(self) -> bool:
        """Whether Kafka answers a request for metadata. If so, every partition is tried again."""
        if self._producer is None:
            return False
        producer = self._producer
        try:
            async with asyncio.timeout(FIRST_TRY_SECONDS):
                await producer.client.fetch_all_metadata()
        except Exception:  # noqa: BLE001 -- aiokafka raises more than it names, and the caller must go on
            return False
        producer.retry_all_partitions()
        return True

    async def _stay_connected(self) -> None:
        backoff = Backoff()
        while True:
            if self._producer is None:
                try:
                    self._producer = await self._connect()
                except Unavailable as error:
                    self._log_state("kafka_away", error=str(error))
                    await asyncio.sleep(backoff.next_seconds())
                    continue
                except Misconfigured as weak:
                    self._log_state("topics_too_weak", problems=weak.problems)
                    await asyncio.sleep(backoff.next_seconds())
                    continue
            backoff.reset()
            self._log_state("kafka_connected")
            self.on_up()
            why = await self._wait_until_broken(self._producer)
            self._metrics.producer_rebuilds.inc()
            self._log_state("producer_broken", why=why)
            self._retire()

    async def _connect(self) -> Producer:
        """A producer, after its topics were checked. Raises Unavailable, and Misconfigured if they are too weak."""
        try:
            return await self._try_to_connect()
        except (Unavailable, Misconfigured):
            raise
        except Exception as error:
            # aiokafka lets ValueError, KeyError and AssertionError through, depending on what a broker answers. That is
            # no reason to end: the spool takes events meanwhile.
            if self._surprise.enter(type(error).__name__):
                _log.exception("kafka_connect_failed")
            raise Unavailable(f"Kafka: {type(error).__name__}") from error

    async def _try_to_connect(self) -> Producer:
        weak = await create_or_check(self._settings, create=False, timeout_seconds=KAFKA_CONNECT_SECONDS)
        if weak:
            raise Misconfigured(weak)
        topics = Topics(self._settings.ledger_topic_prefix).all
        options = self._settings.client_options()
        client = OwnTopicsClient(topics, request_timeout_ms=REQUEST_TIMEOUT_MS, **options)
        try:
            async with asyncio.timeout(KAFKA_CONNECT_SECONDS):
                await client.bootstrap()
                await client.force_metadata_update()
        except FAILURES as error:
            await _close(client)
            raise Unavailable(f"Kafka: {error!r}") from None
        except BaseException:
            await _close(client)
            raise
        self._broken.clear()
        return Producer(client, self._metrics, self._break, topics=topics)

    def _break(self, why: str) -> None:
        self._why = why
        self._broken.set()

    async def _wait_until_broken(self, producer: Producer) -> str:
        """Return the reason when the producer must be replaced.

        It is broken, or nothing was acknowledged for 10 s, or the topics have become too weak.
        """
        loop = asyncio.get_running_loop()
        check_at = loop.time() + CHECK_AGAIN_SECONDS
        while not self._broken.is_set():
            # The first is about all brokers together, the second about each: an answer of one says nothing of another.
            for since in (producer.unanswered_since, producer.waiting_since):
                if since is not None and loop.time() - since > UNANSWERED_SECONDS:
                    return "no acknowledgement"
            if metadata_task_ended(producer.client):
                return "no metadata any more"
            if loop.time() >= check_at:
                if await self._topics_are_weak():
                    return "the topics are weaker than required"
                check_at = loop.time() + CHECK_AGAIN_SECONDS
            with suppress(TimeoutError):
                await asyncio.wait_for(self._broken.wait(), 1.0)
        return self._why

    async def _topics_are_weak(self) -> bool:
        """Whether Kafka says so now. The next attempt to connect checks them again, and names the weaknesses."""
        try:
            return bool(await create_or_check(self._settings, create=False, timeout_seconds=KAFKA_CONNECT_SECONDS))
        except Exception:  # noqa: BLE001 -- without an answer nothing is known
            return False

    def _retire(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.abandon()
            task = asyncio.create_task(_close(producer.client))
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)

    def _log_state(self, event: str, **details: Any) -> None:
        # An outage of an hour is one line. `error` differs between tries, so it is not part of the state.
        if self._state.enter((event, str(details.get("problems")))):
            (_log.info if event == "kafka_connected" else _log.error)(event, **details)


async def _close(client: AIOKafkaClient) -> None:
    with suppress(Exception):  # nothing more is expected of it
        await asyncio.wait_for(client.close(), STOP_SECONDS)


def _resolve(future: "asyncio.Future[Verdict]", verdict: Verdict) -> None:
    if not future.done():
        future.set_result(verdict)


def _nothing() -> None:
    pass
