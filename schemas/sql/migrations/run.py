"""Runs alembic on an asyncpg connection inside a transaction: every URL that the driver accepts works."""

from pathlib import Path

import asyncpg
from alembic import command, op
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import StaticPool


async def upgrade(connection: asyncpg.Connection) -> None:
    """Runs all revisions on this connection. SQLAlchemy's transaction becomes a savepoint of the caller's."""

    async def this_connection() -> asyncpg.Connection:
        return connection

    engine = create_async_engine("postgresql+asyncpg://", async_creator=this_connection, poolclass=StaticPool)
    async with engine.begin() as borrowed:
        await borrowed.run_sync(_run_revisions)


def _run_revisions(connection: Connection) -> None:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    command.upgrade(config, "head")


def run(statements: str) -> None:
    """Runs one or more statements inside the migration's transaction. Works inside a revision only."""
    # The driver's own `execute` runs them, because asyncpg cannot prepare several statements at once.
    driver = op.get_bind().connection.dbapi_connection
    assert driver is not None, "alembic runs revisions on an open connection"  # noqa: S101 - narrows the type
    driver.run_async(lambda connection: connection.execute(statements))
