"""Refuses to start a process on a database whose schema is older than the program."""

import asyncio

from schemas.errors import Unavailable
from schemas.sql.migrate import connected, require_current

ANSWER_SECONDS = 3.0


async def require_current_schema(database_url: str) -> None:
    """Raises Misconfigured if the schema is too old, or if the database can never hold it.

    A database that is unavailable or slow does not prevent the start: the processes wait for it.
    """
    try:
        async with asyncio.timeout(ANSWER_SECONDS), connected(database_url) as connection:
            await require_current(connection)
    except (Unavailable, TimeoutError):
        return
