"""A partition at the moment when the group assigns it to this process."""

from aiokafka.structs import TopicPartition

from projections.kafka.assignment import Assignment
from projections.metrics import ProjectorMetrics


class Recorder:
    """The part of a consumer that an assignment uses, as a list of its calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, TopicPartition]] = []

    def pause(self, partition: TopicPartition) -> None:
        self.calls.append(("pause", partition))

    def seek(self, partition: TopicPartition, _offset: int) -> None:
        self.calls.append(("seek", partition))

    def resume(self, partition: TopicPartition) -> None:
        self.calls.append(("resume", partition))


async def test_assigned_partitions_are_paused_until_they_are_placed() -> None:
    consumer, partitions = Recorder(), [TopicPartition("telnyx.messages", number) for number in range(3)]
    assignment = Assignment(consumer, ProjectorMetrics())
    assignment.on_partitions_assigned(partitions)
    assert consumer.calls == [(call, partition) for partition in partitions for call in ("pause", "seek")]
    assert assignment.readable() == []
