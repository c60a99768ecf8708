"""The partitions that the group assigned to this process.

Invariant: none is read before its stored offset was compared with its log and claimed. Until `place` it is paused.
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
    """How a partition is read."""

    WAITING = auto()  # paused until its stored offset is read
    VERIFYING_LOG = auto()  # read from its last applied record on, which is compared and dropped
    READY = auto()  # read and applied
    STOPPED = auto()  # paused: its stored offset does not fit its log


@dataclass(slots=True, eq=False)
class AssignedPartition:
    """One partition of one assignment, from one reading of its stored offset to the next; compared by identity.

    Records that were polled for an earlier instance of the same partition are dropped: they may not be the next ones.
    """

    stage: Stage = Stage.WAITING
    due: float = 0.0  # loop time before which its stored offset is not read
    problem: str | None = None
    next_offset: int = 0  # the offset after the last committed record
    read_to: int = 0  # the offset after the last record that was handed on, to be committed in its turn
    cluster_id: str = ""
    last_applied: tuple[int, str] | None = None  # offset and event key of the last record that was applied
    seek_pending: bool = True  # no record has come since the consumer was placed at next_offset
    in_batch: bool = False  # a transaction is open: its stored offset may be ahead of `next_offset`


@dataclass(frozen=True, slots=True)
class Segment:
    """The next records of a partition, in order and not empty."""

    assigned: AssignedPartition
    records: Sequence[ConsumerRecord] = field(repr=False)


def event_key(value: bytes | None) -> str:
    """The key of a record, from its body alone: headers are not signed."""
    return read(value or b"").key


class Assignment(ConsumerRebalanceListener):  # type: ignore[misc]
    """The partitions of one consumer, each in one `Stage`."""

    # aiokafka swallows errors of a rebalance listener and then starts from an offset of its choice. So the listener
    # does nothing that can fail: it pauses every partition and seeks to a made-up offset, which also keeps aiokafka
    # from looking one up. The listener runs before the first fetch of an assignment can be sent: no partition has an
    # offset until then, and nothing is awaited between the start of aiokafka's own look-up and the listener.

    def __init__(self, consumer: AIOKafkaConsumer, metrics: ProjectorMetrics) -> None:
        self._consumer = consumer
        self._metrics = metrics
        self._assigned: dict[TopicPartition, AssignedPartition] = {}
        self._has_assignment = False  # since the group last revoked everything
        self.changed = asyncio.Event()  # a partition is waiting for its stored offset
        self.idle = asyncio.Event()  # no batch is in its transaction
        self.idle.set()

    async def on_partitions_revoked(self, _revoked: Iterable[TopicPartition]) -> None:
        """Waits for the batch in flight, for 5 s at most."""
        self._assigned.clear()
        self._has_assignment = False
        self._metrics.forget_partitions()
        # The next owner would wait for the locks of the batch, and fence it.
        try:
            async with asyncio.timeout(REVOKED_SECONDS):
                await self.idle.wait()
        except TimeoutError:
            log.warning("partitions_revoked_in_batch", waited_seconds=REVOKED_SECONDS)

    def on_partitions_assigned(self, partitions: Iterable[TopicPartition]) -> None:
        """Pauses every partition. Not a coroutine: nothing may run between the assignment and the pause."""
        self._assigned = {partition: AssignedPartition() for partition in partitions}
        self._has_assignment = True
        for partition in self._assigned:
            self._pause(partition)
        self.changed.set()
        log.info("partitions_assigned", count=len(self._assigned))

    def is_current(self, partition: TopicPartition, assigned: AssignedPartition) -> bool:
        """Whether `assigned` is still the state of the partition."""
        return self._assigned.get(partition) is assigned

    def readable(self) -> list[TopicPartition]:
        """The partitions whose records are polled."""
        stages = (Stage.VERIFYING_LOG, Stage.READY)
        return [partition for partition, assigned in self._assigned.items() if assigned.stage in stages]

    @property
    def has_no_readable_partition(self) -> bool:
        """Whether nothing is read although something should be: there is no assignment yet, or nothing is placed.

        Having no partitions is normal (a group may have more members than partitions) and does not count; neither do
        stopped partitions.
        """
        some_wait = any(assigned.stage is Stage.WAITING for assigned in self._assigned.values())
        return not self._has_assignment or (some_wait and not self.readable())

    def ready(self) -> dict[TopicPartition, int]:
        """The next offset of every partition that is read and applied."""
        return {partition: next_offset for partition, (_, next_offset) in self.snapshot().items()}

    @contextmanager
    def batch(self, partitions: Collection[AssignedPartition]) -> Iterator[None]:
        """Marks these partitions as being in a transaction during the block."""
        self.idle.clear()
        for assigned in partitions:
            assigned.in_batch = True
        try:
            yield
        finally:
            for assigned in partitions:
                assigned.in_batch = False
            self.idle.set()

    def snapshot(self) -> dict[TopicPartition, tuple[AssignedPartition, int]]:
        """The ready partitions and their next offsets, for `reread_moved`."""
        return {
            partition: (assigned, assigned.next_offset)
            for partition, assigned in self._assigned.items()
            if assigned.stage is Stage.READY
        }

    def reread_moved(
        self,
        before: Mapping[TopicPartition, tuple[AssignedPartition, int]],
        stored: Mapping[TopicPartition, StoredOffset],
        owner: str,
    ) -> None:
        """Read the offsets again of partitions that another owner, or another database, has at a different offset.

        `stored` was read after the snapshot `before`. Partitions that advanced in between do not count.
        """
        moved = []
        for partition, (assigned, next_offset) in before.items():
            # If it was in a batch while `stored` was read, it still is, or has advanced, or is another instance.
            still = self.is_current(partition, assigned) and assigned.next_offset == next_offset
            row = stored.get(partition)
            same = row is not None and (row.next_offset, row.owner) == (next_offset, owner)
            if still and not assigned.in_batch and not same:
                moved.append(partition)
        if moved:
            log.warning("positions_moved", count=len(moved), what_now="reading again from the stored offsets")
            self.reread_offsets(moved, due=0.0)

    def due(self, now: float) -> dict[TopicPartition, AssignedPartition]:
        """Partitions whose stored offset is to be read. Stopped ones come again: their gap may have been accepted."""
        paused = (Stage.WAITING, Stage.STOPPED)
        return {
            partition: assigned
            for partition, assigned in self._assigned.items()
            if assigned.stage in paused and assigned.due <= now
        }

    def place(self, partition: TopicPartition, stored: StoredOffset, sentinel: int | None, cluster_id: str) -> None:
        """Start reading at the stored offset, or at the sentinel record before it. Nothing is awaited here."""
        assigned = self._assigned[partition]
        assigned.next_offset = assigned.read_to = stored.next_offset
        assigned.cluster_id, assigned.seek_pending = cluster_id, True
        if sentinel is None or stored.last_event_key is None:
            self._consumer.seek(partition, stored.next_offset)
            self._make_ready(partition, assigned)
        else:
            assigned.stage, assigned.last_applied = Stage.VERIFYING_LOG, (sentinel, stored.last_event_key)
            self._consumer.seek(partition, sentinel)
        self._consumer.resume(partition)

    def reread_offsets(self, partitions: Iterable[TopicPartition], *, due: float) -> None:
        """Pause these partitions until their stored offsets were read again, at loop time `due` at the earliest."""
        for partition in partitions:
            if (assigned := self._assigned.get(partition)) is not None:
                self._assigned[partition] = AssignedPartition(due=due, problem=assigned.problem)
                self._pause(partition)
        self.changed.set()

    def postpone(self, partitions: Iterable[TopicPartition], *, due: float) -> None:
        """Read the stored offsets of these partitions at loop time `due` at the earliest; their stage stays."""
        for partition in partitions:
            if (assigned := self._assigned.get(partition)) is not None:
                assigned.due = due

    def stop(self, partition: TopicPartition, problem: str, *, due: float) -> None:
        """Read nothing of this partition until its stored offset fits its log. Each problem is logged once."""
        if (assigned := self._assigned.get(partition)) is None:
            return
        self._assigned[partition] = AssignedPartition(stage=Stage.STOPPED, due=due, problem=problem)
        self._pause(partition)
        self._metrics.stopped.labels(*partition).set(1)
        if problem != assigned.problem:
            name = f"{partition.topic}:{partition.partition}"
            command = f"telnyx-ledger project --accept-gap {name}"
            log.error("partition_stopped", partition=name, problem=problem, accept_the_gap_with=command)

    def next_segments(
        self, polled: Mapping[TopicPartition, Sequence[ConsumerRecord]], *, stop_until: float
    ) -> dict[TopicPartition, Segment]:
        """The records that may be applied: those of ready partitions that come next."""
        segments = {}
        for partition, records in polled.items():
            assigned = self._assigned.get(partition)
            if assigned is None:
                continue
            if assigned.stage is Stage.VERIFYING_LOG:
                records = self._verify_log(partition, assigned, records, stop_until)  # noqa: PLW2901 - the rest of them
            if assigned.stage is Stage.READY and (expected := self._expected(partition, assigned, records)):
                segments[partition] = Segment(assigned, expected)
        return segments

    def _verify_log(
        self,
        partition: TopicPartition,
        assigned: AssignedPartition,
        records: Sequence[ConsumerRecord],
        stop_until: float,
    ) -> Sequence[ConsumerRecord]:
        """The records after the sentinel, where that is the record that was applied last; else the partition stops."""
        if not records or assigned.last_applied is None:
            return ()
        (offset, key), first = assigned.last_applied, records[0]
        if (first.offset, event_key(first.value)) == (offset, key):
            self._make_ready(partition, assigned)
            return records[1:]
        problem = f"the record at {offset} is not the one that was applied: the topic was made again, or its log cut"
        self.stop(partition, problem, due=stop_until)
        return ()

    def _expected(
        self, partition: TopicPartition, assigned: AssignedPartition, records: Sequence[ConsumerRecord]
    ) -> Sequence[ConsumerRecord]:
        expected = [record for record in records if record.offset >= assigned.read_to]
        # Right after a seek the first record that comes is the next one, wherever it is: a log may have holes (markers
        # of transactions). Later a hole may also be a record that was polled and dropped: read the offset again.
        if expected and expected[0].offset > assigned.read_to and not assigned.seek_pending:
            self.reread_offsets([partition], due=0.0)
            return ()
        if expected:
            assigned.seek_pending, assigned.read_to = False, expected[-1].offset + 1
        return expected

    def _pause(self, partition: TopicPartition) -> None:
        self._consumer.pause(partition)
        self._consumer.seek(partition, 0)  # to any offset: a seek drops records that were fetched already

    def _make_ready(self, partition: TopicPartition, assigned: AssignedPartition) -> None:
        if assigned.problem is not None:
            log.info("partition_resumed", partition=f"{partition.topic}:{partition.partition}")
        assigned.stage, assigned.problem = Stage.READY, None
        self._metrics.stopped.labels(*partition).set(0)
