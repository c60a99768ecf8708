"""Rows of `projection_offsets` that an owner named "one" holds, and the advances that move them."""

import asyncpg

from projections.engine.offsets import Advance

CLUSTER = "test-cluster"


async def claim(connection: asyncpg.Connection, *partitions: int) -> None:
    """Stores offset 0 of these partitions of `telnyx.messages`, owned by "one"."""
    for partition in partitions:
        await connection.execute(
            "insert into telnyx.projection_offsets (topic, partition, next_offset, cluster_id, owner, updated_at)"
            " values ('telnyx.messages', $1, 0, $2, 'one', now())",
            partition,
            CLUSTER,
        )


def advance(partition: int, expected: int, to: int) -> Advance:
    """The advance of one partition from offset `expected` to `to`."""
    key = "00000000-0000-0000-0000-000000000001"
    return Advance("telnyx.messages", partition, expected, to, to - 1, key, CLUSTER)


async def offsets(connection: asyncpg.Connection) -> list[tuple[int, int]]:
    """(partition, next offset) of every partition that is stored."""
    rows = await connection.fetch("select partition, next_offset from telnyx.projection_offsets order by partition")
    return [tuple(row) for row in rows]
