"""Where each partition was read up to: stored with the rows that came of it, and moved only by who still holds it."""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from projections.queries import queries


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


async def advance_offsets(
    connection: asyncpg.Connection, advances: Sequence[Advance], owner: str
) -> list[tuple[str, int]]:
    """Moves the offsets in the caller's transaction. Gives the partitions that somebody else has moved: a fence."""
    ordered = sorted(advances, key=lambda advance: (advance.topic, advance.partition))
    moved = await connection.fetch(
        queries("positions")["advance"],
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
