"""The stored offset of each partition, committed with the rows of the records before it.

Invariant: only the owner of a partition moves its offset. `claim` makes a process the owner; `advance_offsets` moves
the offset in the transaction of a batch, only for that owner and only from the offset at which the batch began. A
process that lost the partition, however long it was frozen, moves nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import asyncpg

from projections.sql import queries


class TopicPartition(NamedTuple):
    """A partition of a topic. As a tuple it equals the type of the same name of the Kafka client."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class StoredOffset:
    """A row of `projection_offsets`. The last record is None before one was applied; the owner before a claim."""

    next_offset: int
    cluster_id: str | None
    last_offset: int | None
    last_event_key: str | None
    owner: str | None


@dataclass(frozen=True, slots=True)
class Advance:
    """The move of one partition's offset by a batch, from `expected_offset` to `next_offset`."""

    topic: str
    partition: int
    expected_offset: int
    next_offset: int
    last_offset: int
    last_event_key: str
    cluster_id: str


@dataclass(frozen=True, slots=True)
class LogBounds:
    """The offsets of a partition's log: records from `start` up to, without, `end`."""

    start: int
    end: int

    def __str__(self) -> str:
        return f"{self.start} to {self.end}"


def offset_problem(stored: StoredOffset, bounds: LogBounds, cluster_id: str) -> str | None:
    """Why reading from this offset would skip or misread records; None where it fits the log."""
    if stored.cluster_id not in (None, cluster_id):
        return f"the stored offset is of Kafka cluster {stored.cluster_id}, this is {cluster_id}"
    if stored.next_offset < bounds.start:
        lost = bounds.start - stored.next_offset
        return f"{lost} records were deleted before they were read: offset {stored.next_offset}, log {bounds}"
    if stored.next_offset > bounds.end:
        return f"the log ends before the stored offset: offset {stored.next_offset}, log {bounds}"
    return None


def sentinel_offset(stored: StoredOffset, bounds: LogBounds) -> int | None:
    """The offset of the last applied record, which shows that this is the log that was read.

    None where nothing was applied, or where that record may be deleted because the stored offset is the log's start.
    """
    if stored.last_offset is None or stored.last_offset < bounds.start == stored.next_offset:
        return None
    return stored.last_offset


async def read_offsets(
    connection: asyncpg.Connection, partitions: Sequence[TopicPartition]
) -> dict[TopicPartition, StoredOffset]:
    """The stored offsets; a partition that was never read has none."""
    rows = await connection.fetch(queries("offsets")["read"], *_columns(partitions))
    return {
        TopicPartition(row["topic"], row["partition"]): StoredOffset(
            row["next_offset"], row["cluster_id"], row["last_offset"], row["last_event_key"], row["owner"]
        )
        for row in rows
    }


async def begin_offsets(connection: asyncpg.Connection, starts: Mapping[TopicPartition, int], cluster_id: str) -> None:
    """Store a first offset for the partitions that have none."""
    await connection.execute(queries("offsets")["begin"], *_columns(list(starts)), list(starts.values()), cluster_id)


async def claim(
    connection: asyncpg.Connection, seen: Mapping[TopicPartition, StoredOffset], owner: str, cluster_id: str
) -> set[TopicPartition]:
    """Make `owner` the owner of the partitions whose offset and owner are still as `seen`. Returns those partitions."""
    claimed = await connection.fetch(
        queries("offsets")["claim"],
        *_columns(list(seen)),
        [stored.next_offset for stored in seen.values()],
        [stored.owner for stored in seen.values()],
        owner,
        cluster_id,
    )
    return {TopicPartition(row["topic"], row["partition"]) for row in claimed}


async def advance_offsets(
    connection: asyncpg.Connection, advances: Sequence[Advance], owner: str
) -> list[tuple[str, int]]:
    """Move the offsets in the caller's transaction. Returns the partitions that `owner` no longer holds: a fence."""
    ordered = sorted(advances, key=lambda advance: (advance.topic, advance.partition))
    moved = await connection.fetch(
        queries("offsets")["advance"],
        [advance.topic for advance in ordered],
        [advance.partition for advance in ordered],
        [advance.expected_offset for advance in ordered],
        [advance.next_offset for advance in ordered],
        [advance.last_offset for advance in ordered],
        [advance.last_event_key for advance in ordered],
        [advance.cluster_id for advance in ordered],
        owner,
    )
    held = {(row["topic"], row["partition"]) for row in moved}
    partitions = [(advance.topic, advance.partition) for advance in ordered]
    return [partition for partition in partitions if partition not in held]


def _columns(partitions: Sequence[TopicPartition]) -> tuple[list[str], list[int]]:
    return [topic for topic, _ in partitions], [partition for _, partition in partitions]
