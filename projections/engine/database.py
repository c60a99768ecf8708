"""Connections to Postgres with time limits, and the errors that count as an outage.

Invariant: a process that froze or vanished does not block its successor. A session ends after 5 s idle in a
transaction or waiting for a lock, and after 30 s of one statement.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import asyncpg

from schemas.errors import Misconfigured, Unavailable

CONNECT_SECONDS = 5.0
COMMAND_SECONDS = 35.0  # beyond the server's limit: a connection that died silently
SESSION = {
    "application_name": "telnyx-ledger",
    "idle_in_transaction_session_timeout": "5000",
    "lock_timeout": "5000",
    "statement_timeout": "30000",
    "jit": "off",
}
_OUTAGE_CLASSES = ("08", "40", "53", "57", "58")
_OUTAGE_STATES = ("25006", "25P03", "55P03")
# Refusals that a smaller batch may escape: rolled back for another transaction, no memory, disk or locks left, canceled
# at the time limit, too long between two statements, a lock that did not come.
_REFUSAL_STATES = ("40001", "40P01", "53000", "53100", "53200", "53400", "57014", "25P03", "55P03")
# Those that one event can cause, whatever else runs: memory and locks, a limit of the configuration, the time limit.
_EVENT_STATES = ("53000", "53200", "53400", "57014")

REFUSALS_ALONE = 3  # of one event, before it is taken as the cause


class Refused(Unavailable):
    """Postgres answered, and rolled the transaction back for want of a resource, a lock or time.

    What it was to write may be the cause, so the same batch may be refused forever. `sqlstate` is the answer.
    """

    def __init__(self, message: str, sqlstate: str) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate

    @property
    def may_be_one_event(self) -> bool:
        """Whether one event alone can be the cause."""
        return self.sqlstate in _EVENT_STATES


async def connect(database_url: str) -> asyncpg.Connection:
    """A connection for a projector. Raises Unavailable; Misconfigured where the login or the database is wrong."""
    with outages():
        try:
            return await asyncpg.connect(
                database_url, timeout=CONNECT_SECONDS, command_timeout=COMMAND_SECONDS, server_settings=SESSION
            )
        except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as error:
            raise Misconfigured([f"DATABASE_URL: {error.args[0]}"]) from None
        except asyncpg.PostgresError as error:
            # Every refusal of a connection is an outage, also while the database is being replaced: no event caused it.
            raise Unavailable(f"postgres: {type(error).__name__} ({error.sqlstate})") from error


@asynccontextmanager
async def connection_to(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection for a few statements, each a transaction. An outage in the block raises Unavailable too."""
    connection = await connect(database_url)
    try:
        with outages():
            yield connection
    finally:
        connection.terminate()


@contextmanager
def outages() -> Iterator[None]:
    """Raises Unavailable for an outage; errors of the data or the statement pass through unchanged.

    An outage has an SQLSTATE for connection, rollback, resources, intervention, system, read-only or lock not
    available; or it has none: the network, a time limit, a connection that is gone. It is Refused where the data may be
    the cause.
    """
    try:
        yield
    except asyncpg.PostgresError as error:
        state = error.sqlstate or ""
        if state in _REFUSAL_STATES:
            raise Refused(f"postgres: {type(error).__name__} ({state})", state) from error
        if state[:2] in _OUTAGE_CLASSES or state in _OUTAGE_STATES:
            raise Unavailable(f"postgres: {type(error).__name__} ({state})") from error
        raise
    except (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise Unavailable(f"postgres: {type(error).__name__}") from error


@asynccontextmanager
async def brief_transaction(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """A transaction without a rollback: after an error the caller must close the connection, which rolls back."""
    # A rollback would wait for the server, and a process that stops must not wait for a frozen one.
    await connection.execute("begin isolation level read committed")
    yield
    await connection.execute("commit")
