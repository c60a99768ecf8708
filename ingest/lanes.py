"""Batches for Kafka, one request at a time per partition: what arrives while a request is under way forms the next one.

Every record handed in is answered exactly once, whatever happens to its batch; one that Kafka refuses costs its
neighbours nothing but a second request.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Protocol

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    BrokerResponseError,
    CorruptRecordException,
    InvalidTimestampError,
    KafkaError,
    KafkaTimeoutError,
    LeaderNotAvailableError,
    MessageSizeTooLargeError,
    ProducerClosed,
    RecordListTooLargeError,
    UnsupportedForMessageFormatError,
)
from aiokafka.partitioner import murmur2

from schemas.errors import Rejected, Unavailable
from schemas.record import Record

Verdict = Rejected | Unavailable | None  # None: acknowledged by every in-sync replica
Done = Callable[[Verdict], None]

# How a failed request is judged, first match counts: the record is at fault, Kafka or the way to it is, or (anything
# else) this producer is. An answer of the broker's that we do not know leaves the producer in order, so it is `away`.
REFUSED = (
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    InvalidTimestampError,
    CorruptRecordException,
    UnsupportedForMessageFormatError,
)
AWAY = (BrokerResponseError, KafkaTimeoutError, ProducerClosed)


class Counter(Protocol):
    """The part of prometheus_client.Counter that is used here."""

    def inc(self, amount: float = 1) -> None: ...


class Histogram(Protocol):
    """The part of prometheus_client.Histogram that is used here."""

    def observe(self, amount: float) -> None: ...


class LaneMetrics(Protocol):
    """`published` has the keys acknowledged, refused, away and broken and counts records."""

    @property
    def published(self) -> Mapping[str, Counter]: ...
    @property
    def publish_batch(self) -> Histogram: ...


def judge(error: KafkaError) -> str:
    """refused, away or broken."""
    if isinstance(error, REFUSED):
        return "refused"
    return "away" if error.retriable or isinstance(error, AWAY) else "broken"


class Lane:
    """One partition. `away` after a failure that was not a record's fault, until a request succeeds again."""

    def __init__(self, lanes: "Lanes", topic: str, partition: int) -> None:
        self._lanes = lanes
        self._place = TopicPartition(topic, partition)
        self._waiting: deque[tuple[Record, Done]] = deque()
        self._suspects: list[list[tuple[Record, Done]]] = []
        self._batch: Any = None
        self._sending: list[tuple[Record, Done]] = []
        self._task: asyncio.Task[None] | None = None
        self.away = False

    def add(self, record: Record, done: Done) -> None:
        """Send a record with the next request; `done` is called once, later."""
        # aiokafka lets a batch grow until the moment it is written to the connection.
        if self._batch is not None and _appended(self._batch, record):
            self._sending.append((record, done))
            return
        self._waiting.append((record, done))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def finished(self) -> None:
        """Return when everything that was added is answered."""
        if self._task is not None:
            await asyncio.wait([self._task])

    def abandon(self) -> None:
        """Answer everything that is still open as Unavailable: it may or may not be in Kafka."""
        if self._task is not None:
            self._task.cancel()
        self._batch = None
        self._answer_all(Unavailable("the producer was closed"))

    async def _run(self) -> None:
        try:
            while self._suspects or self._waiting:
                error = await self._send()
                self._settle(error)
        finally:
            self._task = None
            self._batch = None
            self._answer_all(Unavailable("the request was not finished"))

    async def _send(self) -> KafkaError | None:
        """Fill a batch and send it; what Kafka said. Others may join it, unless it looks for a refused record."""
        batch = self._lanes.producer.create_batch()
        source = deque(self._suspects.pop()) if self._suspects else self._waiting
        self._sending = []
        while source and _appended(batch, source[0][0]):
            self._sending.append(source.popleft())
        if source is not self._waiting:
            batch.close()
            if source:
                self._suspects.append(list(source))
        self._batch = batch
        error = await self._lanes.request(self._place, batch)
        self._batch = None
        return error

    def _settle(self, error: KafkaError | None) -> None:
        sent, self._sending = self._sending, []
        kind = judge(error) if error else "acknowledged"
        if kind == "refused" and len(sent) > 1:
            middle = len(sent) // 2
            self._suspects += [sent[middle:], sent[:middle]]
            return
        self._lanes.count(kind, len(sent))
        if error is None:
            self.away = False
            _answer(sent, None)
        elif kind == "refused":
            self.away = False
            _answer(sent, Rejected(_word(error)))
        else:
            self.away = True
            self._sending = sent
            self._answer_all(Unavailable(f"Kafka: {error!r}"))
            if kind == "broken":
                self._lanes.on_broken(repr(error))

    def _answer_all(self, verdict: Verdict) -> None:
        entries = [*self._sending, *(entry for group in self._suspects for entry in group), *self._waiting]
        self._sending, self._suspects = [], []
        self._waiting.clear()
        _answer(entries, verdict)


class Lanes:
    """The partitions of one started producer, for as long as that lives. Times are of the loop's clock."""

    def __init__(self, producer: AIOKafkaProducer, metrics: LaneMetrics, on_broken: Callable[[str], None]) -> None:
        self.producer = producer
        self.on_broken = on_broken
        self._metrics = metrics
        self._loop = asyncio.get_running_loop()
        self._cluster = producer.client.cluster
        self._partitions: dict[str, list[int]] = {}
        self._lanes: dict[tuple[str, int], Lane] = {}
        self.unanswered_since: float | None = None
        self.answer_seconds = 0.0
        self._cluster.add_listener(self._learn)
        self._learn(self._cluster)

    def _learn(self, cluster: Any) -> None:
        self._partitions = {topic: sorted(cluster.partitions_for_topic(topic)) for topic in cluster.topics()}

    def lane(self, record: Record) -> Lane:
        """Where a record belongs, by its key. Raises Unavailable for a topic that Kafka does not name."""
        partitions = self._partitions.get(record.topic)
        if not partitions:
            self.producer.client.force_metadata_update()
            raise Unavailable(f"Kafka has no topic {record.topic}")
        place = (record.topic, partitions[key_hash(record.key) % len(partitions)])
        lane = self._lanes.get(place)
        if lane is None:
            lane = self._lanes[place] = Lane(self, *place)
        return lane

    async def request(self, place: TopicPartition, batch: Any) -> KafkaError | None:
        """One produce request; None when it was acknowledged. A partition without a leader is not waited for."""
        # Asked right before sending: aiokafka would have a topic created that is not in its metadata.
        if self._cluster.leader_for_partition(place) in (None, -1):
            self.producer.client.force_metadata_update()
            return LeaderNotAvailableError()
        began = self._loop.time()
        if self.unanswered_since is None:
            self.unanswered_since = began
        try:
            await (await self.producer.send_batch(batch, place.topic, partition=place.partition))
        except KafkaError as error:
            return error
        self.answer_seconds = self._loop.time() - began
        return None

    def count(self, kind: str, records: int) -> None:
        """Note how a request ended."""
        if kind in ("acknowledged", "refused"):
            self.unanswered_since = None
        self._metrics.published[kind].inc(records)
        self._metrics.publish_batch.observe(records)

    async def finished(self) -> None:
        """Return when everything that was added is answered."""
        for lane in list(self._lanes.values()):
            await lane.finished()

    def forgive(self) -> None:
        """Try every partition again."""
        for lane in self._lanes.values():
            lane.away = False

    def abandon(self) -> None:
        """Answer what is still open as Unavailable."""
        self._cluster.remove_listener(self._learn)
        for lane in self._lanes.values():
            lane.abandon()


@lru_cache(maxsize=4096)
def key_hash(key: bytes) -> int:
    """What Kafka's default partitioner divides by the number of partitions; the events of a message share their key."""
    return int(murmur2(key)) & 0x7FFFFFFF


def _appended(batch: Any, record: Record) -> bool:
    added = batch.append(timestamp=None, key=record.key, value=record.value, headers=list(record.headers))
    return added is not None


def _answer(entries: list[tuple[Record, Done]], verdict: Verdict) -> None:
    for _, done in entries:
        done(verdict)


def _word(error: KafkaError) -> str:
    return str(getattr(error, "message", None) or type(error).__name__).lower()
