"""Batches for Kafka, one request at a time per broker: what arrives while one is under way forms the next.

Every record handed in is answered exactly once, whatever happens to its batch; one that Kafka refuses costs its
neighbours nothing but a second request. Nothing is retried here: what failed goes by the spool.

aiokafka's own producer sends the same requests, with a task, a queue and two futures for every batch of a partition,
which cost more than the request; so this builds on its client. A test lists the names of aiokafka that it relies on.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from struct import unpack_from
from typing import Any, Protocol

from aiokafka import TopicPartition
from aiokafka.errors import (
    BrokerResponseError,
    CorruptRecordException,
    IllegalStateError,
    InvalidTimestampError,
    KafkaError,
    KafkaTimeoutError,
    LeaderNotAvailableError,
    MessageSizeTooLargeError,
    NoError,
    RecordListTooLargeError,
    UnknownError,
    UnsupportedForMessageFormatError,
    for_code,
)

from ingest.kafka.aiokafka_internals import AIOKafkaClient, batch_builder, produce_request
from schemas.errors import Rejected, Unavailable
from schemas.kafka.record import Record
from schemas.kafka.sink import Verdict

Done = Callable[[Verdict], None]
Pending = tuple[Record, Done]

REQUEST_TIMEOUT_MS = 1_200  # below what a webhook may take, so that a request fails before its sender gives up
BATCH_BYTES = 512 * 1024
_MURMUR2 = 0x5BD1E995

# How a failed request is errors, first match counts: the record is at fault, Kafka or the way to it is, or (anything
# else) this producer is. An answer of the broker's that we do not know leaves the producer in order, so it is `away`.
REFUSED = (
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    InvalidTimestampError,
    CorruptRecordException,
    UnsupportedForMessageFormatError,
)
AWAY = (BrokerResponseError, KafkaTimeoutError)


class Counter(Protocol):
    """The part of prometheus_client.Counter that is used here."""

    def inc(self, amount: float = 1) -> None: ...


class Histogram(Protocol):
    """The part of prometheus_client.Histogram that is used here."""

    def observe(self, amount: float) -> None: ...


class ProducerMetrics(Protocol):
    """`published` has the keys acknowledged, refused, away and broken and counts records."""

    @property
    def published(self) -> Mapping[str, Counter]: ...
    @property
    def publish_batch(self) -> Histogram: ...


def error_kind(error: KafkaError) -> str:
    """refused, away or broken."""
    if isinstance(error, REFUSED):
        return "refused"
    return "away" if error.retriable or isinstance(error, AWAY) else "broken"


class PartitionQueue:
    """What waits for one partition. `away` after a failure that was not a record's fault, until a request succeeds."""

    __slots__ = ("sending", "suspects", "topic_partition", "unavailable", "waiting")

    def __init__(self, topic: str, partition: int) -> None:
        self.topic_partition = TopicPartition(topic, partition)
        self.waiting: list[Pending] = []
        self.suspects: list[list[Pending]] = []
        self.sending: list[Pending] = []  # in the request that is under way
        self.unavailable = False

    def fill(self) -> bytes:
        """The next batch: suspects alone, else what waits, as far as it goes in."""
        source = self.suspects.pop() if self.suspects else self.waiting
        builder = batch_builder(BATCH_BYTES)
        taken = 0
        while taken < len(source) and _appended(builder, taken, source[taken][0]):
            taken += 1
        self.sending, rest = source[:taken], source[taken:]
        if source is self.waiting:
            self.waiting = rest
        elif rest:
            self.suspects.append(rest)
        return bytes(builder.build())

    def halve(self) -> None:
        """One of the records was refused: send the two halves alone, one after the other."""
        middle = len(self.sending) // 2
        self.suspects += [self.sending[middle:], self.sending[:middle]]
        self.sending = []

    def answer(self, verdict: Verdict) -> None:
        """To those that were sent."""
        sent, self.sending = self.sending, []
        for _, done in sent:
            done(verdict)

    def answer_all(self, verdict: Verdict) -> None:
        """To everybody."""
        self.sending += [pending for group in self.suspects for pending in group] + self.waiting
        self.suspects, self.waiting = [], []
        self.answer(verdict)


class Producer:
    """The partitions that one client knows, for as long as it lives. Times are of the loop's clock."""

    def __init__(self, client: AIOKafkaClient, metrics: ProducerMetrics, on_broken: Callable[[str], None]) -> None:
        self.client = client
        self._on_broken = on_broken
        self._metrics = metrics
        self._loop = asyncio.get_running_loop()
        self._cluster = client.cluster
        self._partitions: dict[str, list[int]] = {}
        self._queues: dict[tuple[str, int], PartitionQueue] = {}
        # Queues with something to send, in the order in which they got it.
        self._open: dict[PartitionQueue, None] = {}
        self._requests: dict[int, asyncio.Task[None]] = {}  # the request under way to each broker
        self._scheduled = False
        self.unanswered_since: float | None = None
        self.answer_seconds = 0.0
        self._cluster.add_listener(self._learn)
        self._learn(self._cluster)

    def _learn(self, cluster: Any) -> None:
        self._partitions = {topic: sorted(cluster.partitions_for_topic(topic)) for topic in cluster.topics()}

    def queue_of(self, record: Record) -> PartitionQueue:
        """Where a record belongs, by its key. Raises Unavailable for a topic that Kafka does not name."""
        partitions = self._partitions.get(record.topic)
        if not partitions:
            self.client.force_metadata_update()
            raise Unavailable(f"Kafka has no topic {record.topic}")
        place = (record.topic, partitions[key_hash(record.key) % len(partitions)])
        queue = self._queues.get(place)
        if queue is None:
            queue = self._queues[place] = PartitionQueue(*place)
        return queue

    def add(self, queue: PartitionQueue, record: Record, done: Done) -> None:
        """Send a record with the next request; `done` is called once, later."""
        queue.waiting.append((record, done))
        self._open[queue] = None
        if not self._scheduled:  # what else arrives in this turn of the loop goes with it
            self._scheduled = True
            self._loop.call_soon(self._begin)

    def _begin(self) -> None:
        """A request to every broker that has none under way and leads a partition for which something waits."""
        self._scheduled = False
        led: dict[int, list[PartitionQueue]] = {}
        for queue in [queue for queue in self._open if not queue.sending]:
            leader = self._cluster.leader_for_partition(queue.topic_partition)
            if leader in (None, -1):  # not waited for
                del self._open[queue]
                queue.sending, queue.waiting = queue.waiting, []
                self._settle(queue, LeaderNotAvailableError())
            elif leader not in self._requests:
                led.setdefault(leader, []).append(queue)
                del self._open[queue]
        for leader, queues in led.items():
            self._requests[leader] = self._loop.create_task(self._send(leader, queues))

    async def _send(self, leader: int, queues: Sequence[PartitionQueue]) -> None:
        errors = await self._request(leader, queues)
        for queue in queues:
            self._settle(queue, errors.get(queue.topic_partition))
        del self._requests[leader]
        self._begin()

    async def _request(self, leader: int, queues: Sequence[PartitionQueue]) -> dict[tuple[str, int], KafkaError]:
        """One produce request with a batch for each of the partitions. Gives those that were not acknowledged."""
        topics: dict[str, list[tuple[int, bytes]]] = {}
        for queue in queues:
            topics.setdefault(queue.topic_partition.topic, []).append((queue.topic_partition.partition, queue.fill()))
        began = self._loop.time()
        if self.unanswered_since is None:
            self.unanswered_since = began
        try:
            response = await self.client.send(leader, produce_request(topics, timeout_ms=REQUEST_TIMEOUT_MS))
        except KafkaError as error:
            return {queue.topic_partition: error for queue in queues}
        except RuntimeError as error:  # uvloop's word for a connection that has just closed; aiokafka does not know it
            return {queue.topic_partition: IllegalStateError(str(error)) for queue in queues}
        self.answer_seconds = self._loop.time() - began
        codes = {(topic, one[0]): one[1] for topic, partitions in response.topics for one in partitions}
        errors = {
            queue.topic_partition: for_code(codes.get(queue.topic_partition, UnknownError.errno)) for queue in queues
        }
        return {place: error() for place, error in errors.items() if error is not NoError}

    def _settle(self, queue: PartitionQueue, error: KafkaError | None) -> None:
        kind = error_kind(error) if error else "acknowledged"
        if kind in ("acknowledged", "refused"):
            self.unanswered_since = None
        if kind == "refused" and len(queue.sending) > 1:
            queue.halve()
        else:
            self._metrics.published[kind].inc(len(queue.sending))
            self._metrics.publish_batch.observe(len(queue.sending))
            queue.unavailable = kind in ("away", "broken")
            if error is None:
                queue.answer(None)
            elif kind == "refused":
                queue.answer(Rejected(_word(error)))
            else:
                self.client.force_metadata_update()  # its leader may be another one by now
                queue.answer_all(Unavailable(f"Kafka: {error!r}"))
        if kind == "broken":
            self._on_broken(repr(error))
        if queue.suspects or queue.waiting:
            self._open[queue] = None

    async def wait_for_answer(self, limit_seconds: float) -> None:
        """Return when a broker has no request under way, or has answered one, or after the limit."""
        if self._requests:
            await asyncio.wait(self._requests.values(), timeout=limit_seconds, return_when=asyncio.FIRST_COMPLETED)

    async def finished(self) -> None:
        """Return when everything that was added is answered."""
        while self._open or self._requests:
            await asyncio.wait(self._requests.values()) if self._requests else await asyncio.sleep(0)

    def retry_all_partitions(self) -> None:
        """Try every partition again."""
        for queue in self._queues.values():
            queue.unavailable = False

    def abandon(self) -> None:
        """Answer what is still open as Unavailable: it may or may not be in Kafka."""
        self._cluster.remove_listener(self._learn)
        for task in self._requests.values():
            task.cancel()
        self._open.clear()
        for queue in self._queues.values():
            queue.answer_all(Unavailable("the producer was closed"))


@lru_cache(maxsize=4096)
def key_hash(key: bytes) -> int:
    """What Kafka's default partitioner divides by the number of partitions: the low 31 bits of Murmur2.

    By words of four bytes, which takes half the time of aiokafka's bytes. The events of a message share their key.
    """
    words, mask = len(key) // 4, 0xFFFFFFFF
    found = 0x9747B28C ^ len(key)
    for word in unpack_from(f"<{words}I", key):
        mixed = word * _MURMUR2 & mask
        found = found * _MURMUR2 & mask ^ (mixed ^ mixed >> 24) * _MURMUR2 & mask
    if rest := key[4 * words :]:
        found = (found ^ int.from_bytes(rest, "little")) * _MURMUR2 & mask
    found = (found ^ found >> 13) * _MURMUR2 & mask
    return (found ^ found >> 15) & 0x7FFFFFFF


def _appended(builder: Any, offset: int, record: Record) -> bool:
    added = builder.append(offset, None, record.key, record.value, list(record.headers))
    return added is not None


def _word(error: KafkaError) -> str:
    return str(getattr(error, "message", None) or type(error).__name__).lower()
