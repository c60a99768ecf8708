"""The keys that may have signed records in Kafka: those of the key ring, and every key that was ever in it."""

from collections.abc import Mapping
from datetime import UTC, datetime

import asyncpg

from projections.sql import queries
from schemas.reading.signing import Key, KeyRing


async def key_book(connection: asyncpg.Connection, ring: KeyRing) -> Mapping[str, Key]:
    """Store the ring in `signing_keys`. Returns all keys stored there, by key_id; the ring's entry counts first."""
    sql = queries("projection_status")
    await connection.execute(
        sql["remember_keys"],
        [key.key_id for key in ring.keys],
        [key.account for key in ring.keys],
        [key.public_key for key in ring.keys],
        [instant_of(key.not_before) for key in ring.keys],
        [instant_of(key.not_after) for key in ring.keys],
    )
    return {key.key_id: key for key, _ in await remembered_keys(connection)} | ring.by_id


async def remembered_keys(connection: asyncpg.Connection) -> list[tuple[Key, datetime]]:
    """Every key that is stored in this database, and when it was stored first."""
    return [
        (
            Key(row["account"], row["public_key"], _seconds(row["not_before"]), _seconds(row["not_after"])),
            row["first_seen_at"],
        )
        for row in await connection.fetch(queries("projection_status")["known_keys"])
    ]


def instant_of(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _seconds(instant: datetime | None) -> int | None:
    return None if instant is None else int(instant.timestamp())
