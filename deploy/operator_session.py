"""An operator command's database: the configured one, else that of a running `dev`; its errors are one line each."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar

import asyncpg

from deploy.embedded.postgres import running_url
from deploy.settings import FoundDatabaseSettings
from projections.engine.database import connection_to
from schemas.errors import Misconfigured
from schemas.sql.migrate import require_current

T = TypeVar("T")


def query_database(settings: FoundDatabaseSettings, query: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
    async def answer() -> T:
        async with operator_session(settings) as connection:
            return await query(connection)

    return asyncio.run(answer())


@asynccontextmanager
async def operator_session(settings: FoundDatabaseSettings) -> AsyncIterator[asyncpg.Connection]:
    """Yield a connection to a database with the current schema.

    Raises Unavailable if the database does not answer, and Misconfigured if there is none, if its schema is old, or if
    the login lacks a right that the block needs.
    """
    with rights_explained():
        async with connection_to(resolve_database_url(settings)) as connection:
            await require_current(connection)
            yield connection


def resolve_database_url(settings: FoundDatabaseSettings) -> str:
    """Return DATABASE_URL, else the URL of a running `dev`. Raises Misconfigured if there is neither."""
    url = settings.database_url or running_url(settings.ledger_data_dir)
    if url is None:
        problem = f"DATABASE_URL: not set, and no `dev` is running with its data in {settings.ledger_data_dir}"
        raise Misconfigured([f"{problem}; set it, or start `telnyx-ledger dev`"])
    return url


@contextmanager
def rights_explained() -> Iterator[None]:
    """Raise Misconfigured, naming the roles, if the database login lacks a right that the block needs."""
    try:
        yield
    except asyncpg.InsufficientPrivilegeError as error:
        remedy = "log in with the role telnyx_writer to change rows, or telnyx_auditor to read bodies"
        raise Misconfigured([f"DATABASE_URL: {error.args[0]}; {remedy}"]) from None
