"""Cuts what was polled into transactions, and says what each of them means for the positions."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from aiokafka.structs import ConsumerRecord, TopicPartition

from projections.engine.batch import Incoming
from projections.engine.offsets import Advance
from projections.kafka.assignment import Segment

BATCH_RECORDS = 500
BATCH_BYTES = 8 * 1024 * 1024
EPOCH = datetime.fromtimestamp(0, UTC)
Batch = dict[TopicPartition, Segment]


def batches(segments: Mapping[TopicPartition, Segment]) -> Iterator[Batch]:
    """Cut what was polled into transactions of at most 500 records and 8 MB, or one record that is larger."""
    batch: dict[TopicPartition, list[ConsumerRecord]] = {}
    count = size = 0
    for partition, segment in segments.items():
        for record in segment.records:
            length = len(record.value or b"")
            if count == BATCH_RECORDS or (count and size + length > BATCH_BYTES):
                yield {one: Segment(segments[one].held, records) for one, records in batch.items()}
                batch, count, size = {}, 0, 0
            batch.setdefault(partition, []).append(record)
            count, size = count + 1, size + length
    if batch:
        yield {one: Segment(segments[one].held, records) for one, records in batch.items()}


def incoming(batch: Batch) -> list[Incoming]:
    """The records of a batch as the projector takes them."""
    records = (record for part in batch.values() for record in part.records)
    return [Incoming(record.value or b"", record.headers, _appended_at(record.timestamp)) for record in records]


def advances(batch: Batch, keys: Sequence[str]) -> list[Advance]:
    """Where the positions of its partitions go with it; `keys` are those of its records, in their order."""
    found, end = [], 0
    for partition, segment in batch.items():
        end += len(segment.records)
        found.append(_advance(partition, segment, keys[end - 1]))
    return found


def _appended_at(timestamp_ms: int | None) -> datetime:
    """The record's own time; a producer may have written anything there."""
    if timestamp_ms is None or not 0 <= timestamp_ms < 253_402_300_800_000:  # to the end of the year 9999
        return EPOCH
    return EPOCH + timedelta(milliseconds=timestamp_ms)


def _advance(partition: TopicPartition, segment: Segment, last_event_key: str) -> Advance:
    last = segment.records[-1]
    return Advance(
        topic=partition.topic,
        partition=partition.partition,
        expected_offset=segment.held.next_offset,
        next_offset=last.offset + 1,
        last_offset=last.offset,
        last_event_key=last_event_key,
        cluster_id=segment.held.cluster_id,
    )
