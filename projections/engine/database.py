"""One connection to Postgres that a frozen or vanished owner cannot use to block its successor, and what is an outage.

Sessions carry their own time limits: 5 s idle in a transaction or waiting for a lock, 30 s a statement.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import asyncpg

from schemas.errors import Misconfigured, Unavailable

CONNECT_SECONDS = 5.0
COMMAND_SECONDS = 35.0  # beyond the server's own limit: a connection that died in silence
SESSION = {
    "application_name": "telnyx-ledger",
    "idle_in_transaction_session_timeout": "5000",
    "lock_timeout": "5000",
    "statement_timeout": "30000",
    "jit": "off",
}
_OUTAGE_CLASSES = ("08", "40", "53", "57", "58")
_OUTAGE_STATES = ("25006", "25P03", "55P03")


async def connect(database_url: str) -> asyncpg.Connection:
    """A connection for a projector. Raises Unavailable; Misconfigured where the login or the database is wrong.

    Whatever a server says against a connection is no fault of an event: a database that is being replaced, too.
    """
    with outages():
        try:
            return await asyncpg.connect(
                database_url, timeout=CONNECT_SECONDS, command_timeout=COMMAND_SECONDS, server_settings=SESSION
            )
        except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as error:
            raise Misconfigured([f"DATABASE_URL: {error.args[0]}"]) from None
        except asyncpg.PostgresError as error:
            raise Unavailable(f"postgres: {type(error).__name__} ({error.sqlstate})") from error


@asynccontextmanager
async def connection_to(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection for a few statements, each its own transaction. Raises Unavailable, also for what the block does."""
    connection = await connect(database_url)
    try:
        with outages():
            yield connection
    finally:
        connection.terminate()


@contextmanager
def outages() -> Iterator[None]:
    """Turns an outage into Unavailable; what is wrong with the data or the statement passes through as it is.

    An outage by SQLSTATE: connection, rollback, resources, intervention, system, read-only, lock not available; or no
    SQLSTATE at all: the network, a time limit, a connection that is gone.
    """
    try:
        yield
    except asyncpg.PostgresError as error:
        state = error.sqlstate or ""
        if state[:2] in _OUTAGE_CLASSES or state in _OUTAGE_STATES:
            raise Unavailable(f"postgres: {type(error).__name__} ({state})") from error
        raise
    except (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise Unavailable(f"postgres: {type(error).__name__}") from error


@asynccontextmanager
async def brief_transaction(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """A transaction that only the end of the connection rolls back: whoever stops must not wait for a frozen server.

    After an error the connection must be thrown away.
    """
    await connection.execute("begin isolation level read committed")
    yield
    await connection.execute("commit")
