"""Connections to Postgres that end with their block."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def fetchval(url: str, query: str, *values: object) -> Any:
    """The one value of a query on a separate connection."""
    async with connected(url) as connection:
        return await connection.fetchval(query, *values)
