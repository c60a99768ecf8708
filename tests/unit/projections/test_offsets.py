"""Whether a stored offset fits a log, and how polled records are divided into batches."""

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
    ("stored", "bounds", "problem"),
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
def test_a_stored_offset_must_fit_its_clusters_log(
    stored: StoredOffset, bounds: LogBounds, problem: str | None
) -> None:
    found = offset_problem(stored, bounds, "here")
    assert found is None if problem is None else problem in (found or "")


def test_the_last_applied_record_identifies_the_log_unless_it_may_be_deleted() -> None:
    assert sentinel_offset(STORED, LogBounds(0, 20)) == 9
    assert sentinel_offset(STORED, LogBounds(9, 20)) == 9
    assert sentinel_offset(STORED, LogBounds(10, 20)) is None
    assert sentinel_offset(replace(STORED, last_offset=None, last_event_key=None), LogBounds(0, 20)) is None


def record(offset: int, value: bytes | None = b"{}", *, timestamp: int = 0) -> ConsumerRecord:
    return ConsumerRecord("t", 0, offset, timestamp, 0, None, value, None, 0, 0, ())


def test_batches_have_at_most_500_records_and_their_advances_are_contiguous() -> None:
    partition, assigned = TopicPartition("t", 0), AssignedPartition(next_offset=5)
    polled = {partition: Segment(assigned, [record(offset) for offset in range(5, 5 + 2 * BATCH_RECORDS + 1)])}
    moves = []
    for batch in batches(polled):
        (advance,) = advances(batch, ["key"] * len(incoming(batch)))
        moves.append((advance.expected_offset, advance.next_offset))
        assigned.next_offset = advance.next_offset  # as the consumer does after the commit
    assert moves == [(5, 505), (505, 1005), (1005, 1006)]


def test_batches_have_at_most_8_mb_or_one_larger_record() -> None:
    half = b"x" * (BATCH_BYTES // 2)
    values = [half, half, b"y", b"z" * (BATCH_BYTES + 1), b"y"]
    polled = {
        TopicPartition("t", 0): Segment(AssignedPartition(), [record(at, value) for at, value in enumerate(values)])
    }
    assert [len(incoming(batch)) for batch in batches(polled)] == [2, 1, 1, 1]


@pytest.mark.parametrize("timestamp", [-1, 0, 253_402_300_799_999, 253_402_300_800_000, 2**63 - 1, -(2**63)])
def test_a_record_may_have_any_value_and_any_time(timestamp: int) -> None:
    polled = {TopicPartition("t", 0): Segment(AssignedPartition(), [record(0, None, timestamp=timestamp)])}
    ((taken,),) = (incoming(batch) for batch in batches(polled))
    assert taken.value == b""
    assert taken.appended_at.tzinfo is not None


def test_the_key_of_a_record_depends_on_its_body_alone() -> None:
    assert event_key(b'{"data":{"a":1,"b":2}}') == event_key(b'{"meta":{}, "data":{"b":2,"a":1}}')
    assert event_key(None) == event_key(b"") != event_key(b"{}")


@pytest.mark.parametrize("name", ["telnyx.messages", "telnyx.messages:", ":3", "telnyx.messages:-1", ""])
def test_a_partition_is_named_by_topic_and_number(name: str) -> None:
    assert parse_partition("telnyx.messages:3") == TopicPartition("telnyx.messages", 3)
    with pytest.raises(Misconfigured, match="TOPIC:PARTITION"):
        parse_partition(name)
