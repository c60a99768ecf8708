"""`keys`: every public key that is or was in force, and since when this installation knows it."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from deploy.operator_session import operating_on, which_database
from deploy.output import print_json, print_table
from deploy.settings import KeysSettings
from projections.signing_keys import remembered_keys
from schemas.reading.signing import Key
from schemas.settings import load

COLUMNS = ("account", "key_id", "not_before", "not_after", "first_seen_at", "configured")


def run_keys(*, as_json: bool) -> None:
    """Prints them: those of this environment's ring, and those that the database remembers."""
    settings = load(KeysSettings)
    has_ring = settings.telnyx_public_keys or settings.telnyx_public_keys_file
    ring = settings.key_ring().by_id if has_ring else {}
    seen = asyncio.run(_remembered(which_database(settings)))
    keys = {key.key_id: key for key, _ in seen.values()} | ring
    rows = [_row(key, seen, configured=key.key_id in ring) for key in keys.values()]
    (print_json if as_json else print_table)(COLUMNS, sorted(rows, key=lambda row: (row[0], row[1])))


async def _remembered(database_url: str) -> dict[str, tuple[Key, datetime]]:
    async with operating_on(database_url) as connection:
        return {key.key_id: (key, first_seen_at) for key, first_seen_at in await remembered_keys(connection)}


def _row(key: Key, seen: dict[str, tuple[Key, datetime]], *, configured: bool) -> list[Any]:
    first_seen_at = seen[key.key_id][1] if key.key_id in seen else None
    return [key.account, key.key_id, _instant(key.not_before), _instant(key.not_after), first_seen_at, configured]


def _instant(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
