"""The keys that may have signed what is in the log: those of the ring, and every one that was ever in it."""

from collections.abc import Mapping
from datetime import UTC, datetime

import asyncpg

from projections.queries import queries
from schemas.signing import Key, KeyRing


async def key_book(connection: asyncpg.Connection, ring: KeyRing) -> Mapping[str, Key]:
    """Remembers the ring in `signing_keys` and gives all keys known there, by key_id; the ring's word counts first."""
    sql = queries("operation")
    await connection.execute(
        sql["remember_keys"],
        [key.key_id for key in ring.keys],
        [key.account for key in ring.keys],
        [key.public_key for key in ring.keys],
        [_instant(key.not_before) for key in ring.keys],
        [_instant(key.not_after) for key in ring.keys],
    )
    rows = await connection.fetch(sql["known_keys"])
    stored = [
        Key(row["account"], row["public_key"], _seconds(row["not_before"]), _seconds(row["not_after"])) for row in rows
    ]
    return {key.key_id: key for key in stored} | ring.by_id


def _instant(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _seconds(instant: datetime | None) -> int | None:
    return None if instant is None else int(instant.timestamp())
