"""A minimal Kafka producer over aiokafka's client: one produce request at a time per broker.

Invariant: every record is answered exactly once. Records that arrive during a request form the next one. Nothing is
retried here, because a record that failed goes to the spool.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from struct import unpack_from
from typing import Any, Protocol

import structlog
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

from ingest.kafka.aiokafka_internals import AIOKafkaClient, ProduceRequest
from ingest.kafka.partition_queue import Done, PartitionQueue
from schemas.errors import Rejected, Unavailable
from schemas.kafka.record import Record
from schemas.metrics import Counter, Histogram

REQUEST_TIMEOUT_MS = 1_200  # below the deadline of a webhook: a request fails before its sender gives up
_MURMUR2 = 0x5BD1E995

_log = structlog.get_logger(__name__)

# The kinds of error, of which the first match counts. refused: the record causes it. away: Kafka or the network does.
# broken: anything else. A broker's unknown error is `away`, because it leaves the producer in order.
REFUSED = (
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    InvalidTimestampError,
    UnsupportedForMessageFormatError,
)
AWAY = (BrokerResponseError, KafkaTimeoutError)


class ProducerMetrics(Protocol):
    """`published` counts records under the keys acknowledged, refused, away and broken."""

    @property
    def published(self) -> Mapping[str, Counter]: ...
    @property
    def publish_batch(self) -> Histogram: ...


def error_kind(error: KafkaError) -> str:
    """`refused`, `away` or `broken`."""
    if isinstance(error, REFUSED):
        return "refused"
    return "away" if error.retriable or isinstance(error, AWAY) else "broken"


class Producer:
    """Sends records to the partitions that one client knows. Times are of the loop's clock.

    `on_broken` is called with a reason when the client must be replaced, also when one of `topics` vanishes or
    has fewer partitions than before: a topic that was made again is to be checked before it is used.
    """

    def __init__(
        self,
        client: AIOKafkaClient,
        metrics: ProducerMetrics,
        on_broken: Callable[[str], None],
        *,
        topics: Collection[str] = (),
    ) -> None:
        self.client = client
        self._on_broken = on_broken
        self._topics = topics
        self._metrics = metrics
        self._loop = asyncio.get_running_loop()
        self._cluster = client.cluster
        self._partitions: dict[str, list[int]] = {}
        self._queues: dict[tuple[str, int], PartitionQueue] = {}
        # Queues with something to send, in the order in which they got it.
        self._open: dict[PartitionQueue, None] = {}
        self._requests: dict[int, asyncio.Task[None]] = {}  # the request under way to each broker
        self._scheduled = False
        self._began: dict[int, float] = {}  # when the request under way to each broker began
        self.unanswered_since: float | None = None  # the first request since the last acknowledgement by any broker
        self.answer_seconds = 0.0
        self._cluster.add_listener(self._learn)
        self._learn(self._cluster)

    def _learn(self, cluster: Any) -> None:
        known, self._partitions = (
            self._partitions,
            {topic: sorted(cluster.partitions_for_topic(topic)) for topic in cluster.topics()},
        )
        for topic in self._topics:
            before, now = len(known.get(topic, ())), len(self._partitions.get(topic, ()))
            if now < before:
                self._on_broken(f"topic {topic} has {now} partitions, and had {before}")

    def queue_of(self, record: Record) -> PartitionQueue:
        """The queue of a record's partition, by its key. Raises Unavailable for an unknown topic."""
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
        if not self._scheduled:  # records of the same turn of the loop go into the same request
            self._scheduled = True
            self._loop.call_soon(self._begin)

    def _begin(self) -> None:
        """Start a request to every idle broker that leads a partition with waiting records."""
        self._scheduled = False
        led: dict[int, list[PartitionQueue]] = {}
        for queue in [queue for queue in self._open if not queue.sending]:
            leader = self._cluster.leader_for_partition(queue.topic_partition)
            if leader in (None, -1):  # a leader is not waited for
                del self._open[queue]
                queue.sending, queue.waiting = queue.waiting, []
                self._settle(queue, LeaderNotAvailableError())
            elif leader not in self._requests:
                led.setdefault(leader, []).append(queue)
                del self._open[queue]
        for leader, queues in led.items():
            self._requests[leader] = self._loop.create_task(self._send(leader, queues))

    @property
    def waiting_since(self) -> float | None:
        """When the oldest request that is still under way began. Every request ends within its timeout."""
        return min(self._began.values(), default=None)

    async def _send(self, leader: int, queues: Sequence[PartitionQueue]) -> None:
        self._began[leader] = self._loop.time()
        try:
            errors = await self._request(leader, queues)
        except Exception as error:  # noqa: BLE001 -- aiokafka raises more than it names; every record is answered
            _log.exception("produce_failed")
            errors = {queue.topic_partition: IllegalStateError(type(error).__name__) for queue in queues}
        finally:
            del self._began[leader]
        for queue in queues:
            self._settle(queue, errors.get(queue.topic_partition))
        del self._requests[leader]
        self._begin()

    async def _request(self, leader: int, queues: Sequence[PartitionQueue]) -> dict[tuple[str, int], KafkaError]:
        """Send one produce request with a batch per queue. Returns the errors by partition."""
        topics: dict[str, list[tuple[int, bytes]]] = {}
        for queue in queues:
            topics.setdefault(queue.topic_partition.topic, []).append((queue.topic_partition.partition, queue.fill()))
        began = self._began[leader]
        if self.unanswered_since is None:
            self.unanswered_since = began
        request = ProduceRequest(
            transactional_id=None, required_acks=-1, timeout=REQUEST_TIMEOUT_MS, topics=list(topics.items())
        )
        try:
            response = await self.client.send(leader, request)
        except KafkaError as error:
            return {queue.topic_partition: error for queue in queues}
        except RuntimeError as error:  # uvloop raises it for a connection that has just closed
            return {queue.topic_partition: IllegalStateError(str(error)) for queue in queues}
        self.answer_seconds = self._loop.time() - began
        codes = {(topic, answer[0]): answer[1] for topic, answers in response.topics for answer in answers}
        errors = {
            queue.topic_partition: for_code(codes.get(queue.topic_partition, UnknownError.errno)) for queue in queues
        }
        return {place: error() for place, error in errors.items() if error is not NoError}

    def _settle(self, queue: PartitionQueue, error: KafkaError | None) -> None:
        kind = error_kind(error) if error else "acknowledged"
        if kind in ("acknowledged", "refused"):
            self.unanswered_since = None
        # A corrupt batch was damaged on its way. It is halved too, in case one record of it causes that each time.
        if (kind == "refused" or isinstance(error, CorruptRecordException)) and len(queue.sending) > 1:
            queue.halve()
        else:
            self._metrics.published[kind].inc(len(queue.sending))
            self._metrics.publish_batch.observe(len(queue.sending))
            queue.unavailable = kind in ("away", "broken")
            if error is None:
                queue.answer(None)
            elif kind == "refused":
                queue.answer(Rejected(_reason(error)))
            else:
                self.client.force_metadata_update()  # the partition may have another leader now
                queue.answer_all(Unavailable(f"Kafka: {error!r}"))
        if kind == "broken":
            self._on_broken(repr(error))
        if queue.suspects or queue.waiting:
            self._open[queue] = None

    async def wait_for_answer(self, limit_seconds: float) -> None:
        """Return when no request is under way, when one was answered, or after the limit."""
        if self._requests:
            await asyncio.wait(self._requests.values(), timeout=limit_seconds, return_when=asyncio.FIRST_COMPLETED)

    async def finished(self) -> None:
        """Return when every record is answered."""
        while self._open or self._requests:
            await asyncio.wait(self._requests.values()) if self._requests else await asyncio.sleep(0)

    def retry_all_partitions(self) -> None:
        """Take every partition as available again."""
        for queue in self._queues.values():
            queue.unavailable = False

    def abandon(self) -> None:
        """Answer the remaining records as Unavailable. They may or may not be in Kafka."""
        self._cluster.remove_listener(self._learn)
        for task in self._requests.values():
            task.cancel()
        self._open.clear()
        for queue in self._queues.values():
            queue.answer_all(Unavailable("the producer was closed"))


@lru_cache(maxsize=4096)
def key_hash(key: bytes) -> int:
    """The low 31 bits of Murmur2. Kafka's default partitioner takes them modulo the number of partitions."""
    # Words of four bytes take half the time of aiokafka's loop over bytes. The cache helps, because the events of a
    # message share their key.
    words, mask = len(key) // 4, 0xFFFFFFFF
    found = 0x9747B28C ^ len(key)
    for word in unpack_from(f"<{words}I", key):
        mixed = word * _MURMUR2 & mask
        found = found * _MURMUR2 & mask ^ (mixed ^ mixed >> 24) * _MURMUR2 & mask
    if rest := key[4 * words :]:
        found = (found ^ int.from_bytes(rest, "little")) * _MURMUR2 & mask
    found = (found ^ found >> 13) * _MURMUR2 & mask
    return (found ^ found >> 15) & 0x7FFFFFFF


def _reason(error: KafkaError) -> str:
    return str(getattr(error, "message", None) or type(error).__name__).lower()
