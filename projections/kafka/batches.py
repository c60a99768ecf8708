"""Divides polled records into batches, one transaction each, and says how far a batch moves the stored offsets."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from aiokafka.structs import ConsumerRecord, TopicPartition

from projections.engine.batch import Incoming
from projections.engine.offsets import Advance
from projections.kafka.assignment import Segment

BATCH_RECORDS = 500
BATCH_BYTES = 8 * 1024 * 1024
EPOCH = datetime.fromtimestamp(0, UTC)
YEAR_10000_MS = 253_402_300_800_000  # the first millisecond that a datetime cannot hold
Batch = dict[TopicPartition, Segment]


def batches(segments: Mapping[TopicPartition, Segment], most_records: int = BATCH_RECORDS) -> Iterator[Batch]:
    """Batches of at most `most_records` records and 8 MB; a record that is larger makes a batch alone."""
    batch: dict[TopicPartition, list[ConsumerRecord]] = {}
    count = size = 0
    for partition, segment in segments.items():
        for record in segment.records:
            length = len(record.value or b"")
            if count == most_records or (count and size + length > BATCH_BYTES):
                yield {name: Segment(segments[name].assigned, records) for name, records in batch.items()}
                batch, count, size = {}, 0, 0
            batch.setdefault(partition, []).append(record)
            count, size = count + 1, size + length
    if batch:
        yield {name: Segment(segments[name].assigned, records) for name, records in batch.items()}


def size(batch: Batch) -> int:
    """The number of records in a batch."""
    return sum(len(segment.records) for segment in batch.values())


def halves(batch: Batch) -> list[Batch]:
    """Two batches with one half of the records each, in order."""
    return list(batches(batch, (size(batch) + 1) // 2))


class BatchSize:
    """The most records that a batch takes: half as many after a refusal, twice as many after a success."""

    def __init__(self) -> None:
        self.records = BATCH_RECORDS

    def refused(self, records: int) -> None:
        """Note that a batch of so many records was refused."""
        self.records = max(1, records // 2)

    def succeeded(self) -> None:
        """Note that a batch was committed."""
        self.records = min(BATCH_RECORDS, 2 * self.records)


def incoming(batch: Batch) -> list[Incoming]:
    """The records of a batch as the projector takes them."""
    records = (record for segment in batch.values() for record in segment.records)
    return [Incoming(record.value or b"", record.headers, _appended_at(record.timestamp)) for record in records]


def advances(batch: Batch, keys: Sequence[str]) -> list[Advance]:
    """How the batch moves the offset of each of its partitions. `keys` are those of its records, in their order."""
    found, end = [], 0
    for partition, segment in batch.items():
        end += len(segment.records)
        found.append(_advance(partition, segment, keys[end - 1]))
    return found


def _appended_at(timestamp_ms: int | None) -> datetime:
    """The record's own time, or 1970 where it is none: a producer may have written any number."""
    if timestamp_ms is None or not 0 <= timestamp_ms < YEAR_10000_MS:
        return EPOCH
    return EPOCH + timedelta(milliseconds=timestamp_ms)


def _advance(partition: TopicPartition, segment: Segment, last_event_key: str) -> Advance:
    last = segment.records[-1]
    return Advance(
        topic=partition.topic,
        partition=partition.partition,
        expected_offset=segment.assigned.next_offset,
        next_offset=last.offset + 1,
        last_offset=last.offset,
        last_event_key=last_event_key,
        cluster_id=segment.assigned.cluster_id,
    )
