"""The partitions that the group gave to this process: none is read before its position was read, checked and taken.

aiokafka swallows what a rebalance listener raises and starts from a position of its own, so the listener here does
nothing that can fail: it pauses and gives every partition a made-up position, which also keeps aiokafka from looking
for one. It runs before the first fetch of the assignment can be sent: no partition has a position until then, and
between aiokafka's own look-up of positions being started and the listener being called nothing is awaited.
"""

import asyncio
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.structs import ConsumerRecord, TopicPartition

from projections.engine.offsets import StoredOffset
from projections.metrics import ProjectorMetrics
from schemas.reading.event import read

REVOKED_SECONDS = 5.0
log = structlog.get_logger()


class Stage(Enum):
    """What is done with a partition's records."""

    WAITING = auto()  # paused: its position is to be read
    VERIFYING_LOG = auto()  # read from its last applied record on, which is compared and dropped
    READY = auto()  # read and applied
    STOPPED = auto()  # paused: its position does not fit its log


@dataclass(slots=True, eq=False)
class AssignedPartition:
    """One partition of one assignment, from one reading of its position to the next; compared by identity.

    Records that were polled for an earlier one of the same partition are dropped: they may not be the next ones.
    """

    stage: Stage = Stage.WAITING
    due: float = 0.0  # loop time before which its position is not looked at
    problem: str | None = None
    next_offset: int = 0  # what is committed goes up to here
    read_to: int = 0  # and what was handed on, to be committed in its turn, up to here
    cluster_id: str = ""
    last_applied: tuple[int, str] | None = None  # offset and event key of the last record that was applied
    seek_pending: bool = True  # nothing has come since the consumer was placed at next_offset
    in_batch: bool = False  # its stored position may be ahead of `next_offset` at this moment


@dataclass(frozen=True, slots=True)
class Segment:
    """The next records of a partition, in order and not empty."""

    held: AssignedPartition
    records: Sequence[ConsumerRecord] = field(repr=False)


def event_key(value: bytes | None) -> str:
    """What identifies a record, from its body alone: headers prove nothing."""
    return read(value or b"").key


class Assignment(ConsumerRebalanceListener):  # type: ignore[misc]
    """The partitions of one consumer, by what may be done with them now."""

    def __init__(self, consumer: AIOKafkaConsumer, metrics: ProjectorMetrics) -> None:
        self._consumer = consumer
        self._metrics = metrics
        self._held: dict[TopicPartition, AssignedPartition] = {}
        self._given = False  # by the group, since it last took everything back
        self.changed = asyncio.Event()  # something is waiting for its position
        self.idle = asyncio.Event()  # no batch is in its transaction
        self.idle.set()

    async def on_partitions_revoked(self, _revoked: Iterable[TopicPartition]) -> None:
        """Let the batch in flight end before the group goes on: the next owner would meet its locks, and fence it."""
        self._held.clear()
        self._given = False
        self._metrics.released()
        try:
            async with asyncio.timeout(REVOKED_SECONDS):
                await self.idle.wait()
        except TimeoutError:
            log.warning("partitions_revoked_in_batch", waited_seconds=REVOKED_SECONDS)

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Not a coroutine: nothing may run between the assignment and the pause."""
        self._held = {partition: AssignedPartition() for partition in assigned}
        self._given = True
        for partition in self._held:
            self._pause(partition)
        self.changed.set()
        log.info("partitions_assigned", count=len(self._held))

    def holds(self, partition: TopicPartition, held: AssignedPartition) -> bool:
        """Whether this is still what the partition is at."""
        return self._held.get(partition) is held

    def readable(self) -> list[TopicPartition]:
        """Partitions whose records are wanted."""
        return [one for one, held in self._held.items() if held.stage in (Stage.VERIFYING_LOG, Stage.READY)]

    @property
    def has_no_readable_partition(self) -> bool:
        """Whether nothing is read although something should be: the group gave nothing yet, or nothing is placed.

        No partitions at all is no such case (a group may have more members than partitions), nor are stopped ones.
        """
        waits = any(held.stage is Stage.WAITING for held in self._held.values())
        return not self._given or (waits and not self.readable())

    def ready(self) -> dict[TopicPartition, int]:
        """The next offset of every partition that is read and applied."""
        return {one: held.next_offset for one, held in self._held.items() if held.stage is Stage.READY}

    @contextmanager
    def batch(self, of: Collection[AssignedPartition]) -> Iterator[None]:
        """These are in a transaction during the block."""
        self.idle.clear()
        for held in of:
            held.in_batch = True
        try:
            yield
        finally:
            for held in of:
                held.in_batch = False
            self.idle.set()

    def snapshot(self) -> dict[TopicPartition, tuple[AssignedPartition, int]]:
        """What is ready and how far it is, to be compared with what is stored a moment later."""
        return {one: (held, held.next_offset) for one, held in self._held.items() if held.stage is Stage.READY}

    def compare(
        self,
        before: Mapping[TopicPartition, tuple[AssignedPartition, int]],
        stored: Mapping[TopicPartition, StoredOffset],
        owner: str,
    ) -> None:
        """Read the positions again of those that stood still meanwhile and are stored elsewhere, or as another's."""
        moved = []
        for partition, (held, next_offset) in before.items():
            # One that was in a batch while `stored` was read still is, or has moved, or is another AssignedPartition.
            still = self.holds(partition, held) and held.next_offset == next_offset and not held.in_batch
            position = stored.get(partition)
            if still and (position is None or (position.next_offset, position.owner) != (next_offset, owner)):
                moved.append(partition)
        if moved:
            log.warning("positions_moved", count=len(moved), what_now="read again from what is stored")
            self.wait_again(moved, due=0.0)

    def due(self, now: float) -> dict[TopicPartition, AssignedPartition]:
        """Partitions whose position is to be looked at; a stopped one from time to time: its gap may be accepted."""
        paused = (Stage.WAITING, Stage.STOPPED)
        return {one: held for one, held in self._held.items() if held.stage in paused and held.due <= now}

    def place(
        self, partition: TopicPartition, position: StoredOffset, sentinel_offset: int | None, cluster_id: str
    ) -> None:
        """Read from this position on, or from the record that proves it. Nothing is awaited here."""
        held = self._held[partition]
        held.next_offset = held.read_to = position.next_offset
        held.cluster_id, held.seek_pending = cluster_id, True
        if sentinel_offset is None or position.last_event_key is None:
            self._consumer.seek(partition, position.next_offset)
            self._ready(partition, held)
        else:
            held.stage, held.last_applied = Stage.VERIFYING_LOG, (sentinel_offset, position.last_event_key)
            self._consumer.seek(partition, sentinel_offset)
        self._consumer.resume(partition)

    def wait_again(self, partitions: Iterable[TopicPartition], *, due: float) -> None:
        """Read the positions of these again before anything else of them is applied."""
        for partition in partitions:
            if (held := self._held.get(partition)) is not None:
                self._held[partition] = AssignedPartition(due=due, problem=held.problem)
                self._pause(partition)
        self.changed.set()

    def postpone(self, partitions: Iterable[TopicPartition], *, due: float) -> None:
        """Look at the positions of these later; what they are at stays as it is."""
        for partition in partitions:
            if (held := self._held.get(partition)) is not None:
                held.due = due

    def stop(self, partition: TopicPartition, problem: str, *, due: float) -> None:
        """Read nothing of this one until its position fits its log; said once for each problem."""
        if (held := self._held.get(partition)) is None:
            return
        self._held[partition] = AssignedPartition(stage=Stage.STOPPED, due=due, problem=problem)
        self._pause(partition)
        self._metrics.stopped.labels(*partition).set(1)
        if problem != held.problem:
            name = f"{partition.topic}:{partition.partition}"
            command = f"telnyx-ledger project --accept-gap {name}"
            log.error("partition_stopped", partition=name, problem=problem, accept_the_gap_with=command)

    def next_segments(
        self, polled: Mapping[TopicPartition, Sequence[ConsumerRecord]], *, stop_until: float
    ) -> dict[TopicPartition, Segment]:
        """The records that may be applied: of ready partitions, and the expected next ones."""
        segments = {}
        for partition, records in polled.items():
            held = self._held.get(partition)
            if held is not None and held.stage is Stage.VERIFYING_LOG:
                records = self._verify_log(partition, held, records, stop_until)  # noqa: PLW2901 - the rest of the same
            if held is not None and held.stage is Stage.READY and (wanted := self._expected(partition, held, records)):
                segments[partition] = Segment(held, wanted)
        return segments

    def _verify_log(
        self, partition: TopicPartition, held: AssignedPartition, records: Sequence[ConsumerRecord], stop_until: float
    ) -> Sequence[ConsumerRecord]:
        if not records or held.last_applied is None:
            return ()
        (offset, key), first = held.last_applied, records[0]
        if (first.offset, event_key(first.value)) == (offset, key):
            self._ready(partition, held)
            return records[1:]
        problem = f"the record at {offset} is not the one that was applied: the topic was made again, or its log cut"
        self.stop(partition, problem, due=stop_until)
        return ()

    def _expected(
        self, partition: TopicPartition, held: AssignedPartition, records: Sequence[ConsumerRecord]
    ) -> Sequence[ConsumerRecord]:
        wanted = [record for record in records if record.offset >= held.read_to]
        # Right after a seek the first record that comes is the next one, wherever it is: a log may have holes (markers
        # of transactions). Later a hole may also be something that was polled and dropped: look again.
        if wanted and wanted[0].offset > held.read_to and not held.seek_pending:
            self.wait_again([partition], due=0.0)
            return ()
        if wanted:
            held.seek_pending, held.read_to = False, wanted[-1].offset + 1
        return wanted

    def _pause(self, partition: TopicPartition) -> None:
        self._consumer.pause(partition)
        self._consumer.seek(partition, 0)  # anywhere: it drops what was fetched already

    def _ready(self, partition: TopicPartition, held: AssignedPartition) -> None:
        if held.problem is not None:
            log.info("partition_resumed", partition=f"{partition.topic}:{partition.partition}")
        held.stage, held.problem = Stage.READY, None
        self._metrics.stopped.labels(*partition).set(0)
