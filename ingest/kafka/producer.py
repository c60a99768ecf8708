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
from aiokafka.client import AIOKafkaClient
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
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from schemas.errors import Rejected, Unavailable
from schemas.kafka.record import Record
from schemas.kafka.sink import Verdict

Done = Callable[[Verdict], None]
Entry = tuple[Record, Done]

REQUEST_TIMEOUT_MS = 1_200  # below what a webhook may take, so that a request fails before its sender gives up
BATCH_BYTES = 512 * 1024
_MURMUR2 = 0x5BD1E995

# How a failed request is judged, first match counts: the record is at fault, Kafka or the way to it is, or (anything
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
    """What waits for one partition. `away` after a failure that was not a record's fault, until a request succeeds."""

    __slots__ = ("away", "place", "sending", "suspects", "waiting")

    def __init__(self, topic: str, partition: int) -> None:
        self.place = TopicPartition(topic, partition)
        self.waiting: list[Entry] = []
        self.suspects: list[list[Entry]] = []
        self.sending: list[Entry] = []  # in the request that is under way
        self.away = False

    def fill(self) -> bytes:
        """The next batch: suspects alone, else what waits, as far as it goes in."""
        source = self.suspects.pop() if self.suspects else self.waiting
        # magic 2, no compression, no transaction, no producer id
        builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, 0, BATCH_BYTES)
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
        self.sending += [entry for group in self.suspects for entry in group] + self.waiting
        self.suspects, self.waiting = [], []
        self.answer(verdict)


class Lanes:
    """The partitions that one client knows, for as long as it lives. Times are of the loop's clock."""

    def __init__(self, client: AIOKafkaClient, metrics: LaneMetrics, on_broken: Callable[[str], None]) -> None:
        self.client = client
        self._on_broken = on_broken
        self._metrics = metrics
        self._loop = asyncio.get_running_loop()
        self._cluster = client.cluster
        self._partitions: dict[str, list[int]] = {}
        self._lanes: dict[tuple[str, int], Lane] = {}
        self._open: dict[Lane, None] = {}  # lanes with something to send, in the order in which they got it
        self._rounds: dict[int, asyncio.Task[None]] = {}  # the request under way to each broker
        self._called = False
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
            self.client.force_metadata_update()
            raise Unavailable(f"Kafka has no topic {record.topic}")
        place = (record.topic, partitions[key_hash(record.key) % len(partitions)])
        lane = self._lanes.get(place)
        if lane is None:
            lane = self._lanes[place] = Lane(*place)
        return lane

    def add(self, lane: Lane, record: Record, done: Done) -> None:
        """Send a record with the next request; `done` is called once, later."""
        lane.waiting.append((record, done))
        self._open[lane] = None
        if not self._called:  # what else arrives in this turn of the loop goes with it
            self._called = True
            self._loop.call_soon(self._begin)

    def _begin(self) -> None:
        """A request to every broker that has none under way and leads a partition for which something waits."""
        self._called = False
        led: dict[int, list[Lane]] = {}
        for lane in [lane for lane in self._open if not lane.sending]:
            leader = self._cluster.leader_for_partition(lane.place)
            if leader in (None, -1):  # not waited for
                del self._open[lane]
                lane.sending, lane.waiting = lane.waiting, []
                self._settle(lane, LeaderNotAvailableError())
            elif leader not in self._rounds:
                led.setdefault(leader, []).append(lane)
                del self._open[lane]
        for leader, lanes in led.items():
            self._rounds[leader] = self._loop.create_task(self._round(leader, lanes))

    async def _round(self, leader: int, lanes: Sequence[Lane]) -> None:
        errors = await self._request(leader, lanes)
        for lane in lanes:
            self._settle(lane, errors.get(lane.place))
        del self._rounds[leader]
        self._begin()

    async def _request(self, leader: int, lanes: Sequence[Lane]) -> dict[tuple[str, int], KafkaError]:
        """One produce request with a batch for each of the lanes. Gives those that were not acknowledged."""
        topics: dict[str, list[tuple[int, bytes]]] = {}
        for lane in lanes:
            topics.setdefault(lane.place.topic, []).append((lane.place.partition, lane.fill()))
        began = self._loop.time()
        if self.unanswered_since is None:
            self.unanswered_since = began
        request = ProduceRequest(
            transactional_id=None, required_acks=-1, timeout=REQUEST_TIMEOUT_MS, topics=list(topics.items())
        )
        try:
            response = await self.client.send(leader, request)
        except KafkaError as error:
            return {lane.place: error for lane in lanes}
        except RuntimeError as error:  # uvloop's word for a connection that has just closed; aiokafka does not know it
            return {lane.place: IllegalStateError(str(error)) for lane in lanes}
        self.answer_seconds = self._loop.time() - began
        codes = {(topic, one[0]): one[1] for topic, partitions in response.topics for one in partitions}
        judged = {lane.place: for_code(codes.get(lane.place, UnknownError.errno)) for lane in lanes}
        return {place: error() for place, error in judged.items() if error is not NoError}

    def _settle(self, lane: Lane, error: KafkaError | None) -> None:
        kind = judge(error) if error else "acknowledged"
        if kind in ("acknowledged", "refused"):
            self.unanswered_since = None
        if kind == "refused" and len(lane.sending) > 1:
            lane.halve()
        else:
            self._metrics.published[kind].inc(len(lane.sending))
            self._metrics.publish_batch.observe(len(lane.sending))
            lane.away = kind in ("away", "broken")
            if error is None:
                lane.answer(None)
            elif kind == "refused":
                lane.answer(Rejected(_word(error)))
            else:
                self.client.force_metadata_update()  # its leader may be another one by now
                lane.answer_all(Unavailable(f"Kafka: {error!r}"))
        if kind == "broken":
            self._on_broken(repr(error))
        if lane.suspects or lane.waiting:
            self._open[lane] = None

    async def answered(self, limit_seconds: float) -> None:
        """Return when a broker has no request under way, or has answered one, or after the limit."""
        if self._rounds:
            await asyncio.wait(self._rounds.values(), timeout=limit_seconds, return_when=asyncio.FIRST_COMPLETED)

    async def finished(self) -> None:
        """Return when everything that was added is answered."""
        while self._open or self._rounds:
            await asyncio.wait(self._rounds.values()) if self._rounds else await asyncio.sleep(0)

    def forgive(self) -> None:
        """Try every partition again."""
        for lane in self._lanes.values():
            lane.away = False

    def abandon(self) -> None:
        """Answer what is still open as Unavailable: it may or may not be in Kafka."""
        self._cluster.remove_listener(self._learn)
        for task in self._rounds.values():
            task.cancel()
        self._open.clear()
        for lane in self._lanes.values():
            lane.answer_all(Unavailable("the producer was closed"))


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
