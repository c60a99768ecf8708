"""Which database a command looks into, and with which rights: what is wrong with either is one line."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import asyncpg

from deploy.embedded.postgres import running_url
from deploy.settings import FoundDatabaseSettings
from projections.engine.database import connection_to
from schemas.errors import Misconfigured
from schemas.sql.migrate import require_current


def which_database(settings: FoundDatabaseSettings) -> str:
    """The one that is named, else that of a `dev` which runs here. Raises Misconfigured where there is neither."""
    url = settings.database_url or running_url(settings.ledger_data_dir)
    if url is None:
        raise Misconfigured(
            [f"DATABASE_URL: not set, and no `dev` is running with its data in {settings.ledger_data_dir}"]
        )
    return url


@asynccontextmanager
async def operating_on(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection for an operator's command. Raises Unavailable and Misconfigured, also for what the block does."""
    with enough_rights():
        async with connection_to(database_url) as connection:
            await require_current(connection)
            yield connection


@contextmanager
def enough_rights() -> Iterator[None]:
    """Raises Misconfigured where the login may not do what the block does."""
    try:
        yield
    except asyncpg.InsufficientPrivilegeError as error:
        problem = "to change something it needs the role telnyx_writer, to look at bodies telnyx_auditor"
        raise Misconfigured([f"DATABASE_URL: {error.args[0]}: {problem}"]) from None
