"""What happens to a partition in the moment in which the group gives it to us."""

from aiokafka.structs import TopicPartition

from projections.kafka.assignment import Assignment
from projections.metrics import ProjectorMetrics


class Recorder:
    """The part of a consumer that an assignment uses, as a list of what was asked of it."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, TopicPartition]] = []

    def pause(self, partition: TopicPartition) -> None:
        self.asked.append(("pause", partition))

    def seek(self, partition: TopicPartition, _offset: int) -> None:
        self.asked.append(("seek", partition))

    def resume(self, partition: TopicPartition) -> None:
        self.asked.append(("resume", partition))


async def test_what_is_assigned_is_paused_until_its_position_was_sought() -> None:
    consumer, partitions = Recorder(), [TopicPartition("telnyx.messages", number) for number in range(3)]
    assignment = Assignment(consumer, ProjectorMetrics())
    assignment.on_partitions_assigned(partitions)
    assert consumer.asked == [(what, one) for one in partitions for what in ("pause", "seek")]
    assert assignment.readable() == []
