"""Where each partition was read up to: stored with the rows that came of it, and moved only by who still holds it.

A position is held by an owner from `claim` on. `advance_offsets` moves it in the transaction of a batch, and only for
that owner and from the offset that the batch began at: a process that lost the partition, however long it slept, moves
nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import asyncpg

from projections.sql import queries


class TopicPartition(NamedTuple):
    """A partition of a topic; equal to the Kafka client's own, as a tuple."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class StoredOffset:
    """A row of `projection_offsets`. The last three are None where nothing has been applied, or nobody holds it."""

    next_offset: int
    cluster_id: str | None
    last_offset: int | None
    last_event_key: str | None
    owner: str | None


@dataclass(frozen=True, slots=True)
class Advance:
    """One partition's part of a batch: moved from `expected_offset` to `next_offset` if nobody else moved it before."""

    topic: str
    partition: int
    expected_offset: int
    next_offset: int
    last_offset: int
    last_event_key: str
    cluster_id: str


@dataclass(frozen=True, slots=True)
class LogBounds:
    """What a partition's log holds: records from `start` up to, without, `end`."""

    start: int
    end: int


def offset_problem(position: StoredOffset, bounds: LogBounds, cluster_id: str) -> str | None:
    """Why reading on at this position would skip or misread records, None where it fits."""
    if position.cluster_id not in (None, cluster_id):
        return f"position is of Kafka cluster {position.cluster_id}, this is {cluster_id}"
    if position.next_offset < bounds.start:
        lost = bounds.start - position.next_offset
        return f"{lost} records were deleted before they were read: position {position.next_offset}, log {bounds}"
    if position.next_offset > bounds.end:
        return f"the log ends before the position: position {position.next_offset}, log {bounds}"
    return None


def sentinel_offset(position: StoredOffset, bounds: LogBounds) -> int | None:
    """The offset of the record that proves the log to be the one that was read; None where it need not be there."""
    if position.last_offset is None or position.last_offset < bounds.start == position.next_offset:
        return None
    return position.last_offset


async def read_offsets(
    connection: asyncpg.Connection, partitions: Sequence[TopicPartition]
) -> dict[TopicPartition, StoredOffset]:
    """The stored positions; a partition that was never read has none."""
    rows = await connection.fetch(queries("offsets")["read"], *_columns(partitions))
    return {
        TopicPartition(row["topic"], row["partition"]): StoredOffset(
            row["next_offset"], row["cluster_id"], row["last_offset"], row["last_event_key"], row["owner"]
        )
        for row in rows
    }


async def begin_offsets(connection: asyncpg.Connection, starts: Mapping[TopicPartition, int], cluster_id: str) -> None:
    """Stores a first position for the partitions that have none."""
    await connection.execute(queries("offsets")["begin"], *_columns(list(starts)), list(starts.values()), cluster_id)


async def claim(
    connection: asyncpg.Connection, seen: Mapping[TopicPartition, StoredOffset], owner: str, cluster_id: str
) -> set[TopicPartition]:
    """Takes the partitions whose position and owner are still those that were seen. Gives those that were taken."""
    taken = await connection.fetch(
        queries("offsets")["claim"],
        *_columns(list(seen)),
        [position.next_offset for position in seen.values()],
        [position.owner for position in seen.values()],
        owner,
        cluster_id,
    )
    return {TopicPartition(row["topic"], row["partition"]) for row in taken}


async def advance_offsets(
    connection: asyncpg.Connection, advances: Sequence[Advance], owner: str
) -> list[tuple[str, int]]:
    """Moves the offsets in the caller's transaction. Gives the partitions that `owner` no longer holds: a fence."""
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
    return [(item.topic, item.partition) for item in ordered if (item.topic, item.partition) not in held]


def _columns(partitions: Sequence[TopicPartition]) -> tuple[list[str], list[int]]:
    return [one.topic for one in partitions], [one.partition for one in partitions]
