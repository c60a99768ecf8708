"""`restored`: begins an epoch after an older copy of the database took over, so that no client misses an event."""

from typing import Annotated

import asyncpg
import typer

from deploy.commands import command_app
from deploy.operator_session import query_database
from deploy.settings import FoundDatabaseSettings
from projections.sql import queries
from schemas.errors import Misconfigured
from schemas.settings import load

app = command_app()


@app.command()
def restored(
    *,
    reason: Annotated[str, typer.Option(help="The cause, for the record in store_epochs.")] = "restored from a copy",
) -> None:
    """Move positions on after an older copy of the database took over.

    Run it after a restore, or a failover that lost events, before `project` starts, with the login that runs `migrate`.
    Clients that poll by position then miss no event, and `verify --chain` names the epoch.
    """

    async def begin(connection: asyncpg.Connection) -> asyncpg.Record:
        try:
            return await connection.fetchrow(queries("epochs")["begin"], reason)
        except asyncpg.InsufficientPrivilegeError as error:
            problem = f"DATABASE_URL: {error.args[0]}; run it with the login that runs `migrate`"
            raise Misconfigured([problem]) from None

    epoch = query_database(load(FoundDatabaseSettings), begin)
    print(f"the copy ends at position {epoch['last_position']}; events go on at {epoch['first_position']}")
