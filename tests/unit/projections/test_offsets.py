"""When a stored position fits a log, and how what was polled is cut into transactions."""

from dataclasses import replace

import pytest
from aiokafka.structs import ConsumerRecord, TopicPartition

from projections.engine.offsets import LogBounds, StoredOffset, offset_problem, sentinel_offset
from projections.kafka.accept_gap import parse_partition
from projections.kafka.assignment import AssignedPartition, Segment, event_key
from projections.kafka.batches import BATCH_BYTES, BATCH_RECORDS, advances, batches, incoming
from schemas.errors import Misconfigured

STORED = StoredOffset(next_offset=10, cluster_id="here", last_offset=9, last_event_key="key", owner="somebody")


@pytest.mark.parametrize(
    ("position", "bounds", "words"),
    [
        (STORED, LogBounds(0, 10), None),
        (STORED, LogBounds(10, 10), None),
        (STORED, LogBounds(10, 50), None),
        (replace(STORED, cluster_id=None), LogBounds(0, 10), None),
        (STORED, LogBounds(11, 50), "1 records were deleted"),
        (STORED, LogBounds(0, 9), "ends before"),
        (replace(STORED, cluster_id="there"), LogBounds(0, 10), "cluster there"),
    ],
)
def test_a_position_fits_within_the_log_of_its_cluster(
    position: StoredOffset, bounds: LogBounds, words: str | None
) -> None:
    problem = offset_problem(position, bounds, "here")
    assert problem is None if words is None else words in (problem or "")


def test_the_last_applied_record_proves_the_log_unless_it_was_deleted_in_its_turn() -> None:
    assert sentinel_offset(STORED, LogBounds(0, 20)) == 9
    assert sentinel_offset(STORED, LogBounds(9, 20)) == 9
    assert sentinel_offset(STORED, LogBounds(10, 20)) is None
    assert sentinel_offset(replace(STORED, last_offset=None, last_event_key=None), LogBounds(0, 20)) is None


def record(offset: int, value: bytes | None = b"{}", *, timestamp: int = 0) -> ConsumerRecord:
    return ConsumerRecord("t", 0, offset, timestamp, 0, None, value, None, 0, 0, ())


def test_batches_are_bounded_by_records_and_each_advance_begins_where_the_one_before_ended() -> None:
    partition, assigned = TopicPartition("t", 0), AssignedPartition(next_offset=5)
    polled = {partition: Segment(assigned, [record(offset) for offset in range(5, 5 + 2 * BATCH_RECORDS + 1)])}
    moves = []
    for batch in batches(polled):
        (advance,) = advances(batch, ["key"] * len(incoming(batch)))
        moves.append((advance.expected_offset, advance.next_offset))
        assigned.next_offset = advance.next_offset  # as the consumer does after the commit
    assert moves == [(5, 505), (505, 1005), (1005, 1006)]


def test_batches_are_bounded_by_bytes_and_a_larger_record_goes_alone() -> None:
    half = b"x" * (BATCH_BYTES // 2)
    values = [half, half, b"y", b"z" * (BATCH_BYTES + 1), b"y"]
    polled = {
        TopicPartition("t", 0): Segment(AssignedPartition(), [record(at, value) for at, value in enumerate(values)])
    }
    assert [len(incoming(batch)) for batch in batches(polled)] == [2, 1, 1, 1]


@pytest.mark.parametrize("timestamp", [-1, 0, 253_402_300_799_999, 253_402_300_800_000, 2**63 - 1, -(2**63)])
def test_any_value_and_any_time_of_a_record_is_taken(timestamp: int) -> None:
    polled = {TopicPartition("t", 0): Segment(AssignedPartition(), [record(0, None, timestamp=timestamp)])}
    ((taken,),) = (incoming(batch) for batch in batches(polled))
    assert taken.value == b""
    assert taken.appended_at.tzinfo is not None


def test_a_record_is_known_by_its_body_alone() -> None:
    assert event_key(b'{"data":{"a":1,"b":2}}') == event_key(b'{"meta":{}, "data":{"b":2,"a":1}}')
    assert event_key(None) == event_key(b"") != event_key(b"{}")


@pytest.mark.parametrize("name", ["telnyx.messages", "telnyx.messages:", ":3", "telnyx.messages:-1", ""])
def test_a_partition_is_named_by_topic_and_number(name: str) -> None:
    assert parse_partition("telnyx.messages:3") == TopicPartition("telnyx.messages", 3)
    with pytest.raises(Misconfigured, match="TOPIC:PARTITION"):
        parse_partition(name)
