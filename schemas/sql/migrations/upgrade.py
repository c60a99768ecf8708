"""Runs alembic on an asyncpg connection inside a transaction: every URL that the driver accepts works."""

from pathlib import Path

import asyncpg
from alembic import command
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
