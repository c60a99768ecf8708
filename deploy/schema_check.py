"""Asks once, before a process starts, whether the database has the schema that it needs."""

import asyncio

from schemas.errors import Unavailable
from schemas.sql.migrate import connected, require_current

PATIENCE_SECONDS = 3.0


async def refuse_old_schema(database_url: str) -> None:
    """Raises Misconfigured if the schema is too old, or the database can never hold it.

    A database that is away, or slow, is no reason not to start: the processes wait for it themselves.
    """
    try:
        async with asyncio.timeout(PATIENCE_SECONDS), connected(database_url) as connection:
            await require_current(connection)
    except (Unavailable, TimeoutError):
        return
