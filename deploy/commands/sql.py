"""`sql`: one query with the rights of `telnyx_reader`, in a transaction that cannot write."""

import asyncio
from typing import Any

import asyncpg

from deploy.rows import print_json, print_table
from deploy.settings import FoundDatabaseSettings
from deploy.which_database import which_database
from schemas.errors import LedgerError
from schemas.migrate import connected
from schemas.settings import load

READER = "telnyx_reader"


def run_sql(query: str, *, as_json: bool) -> None:
    """Prints the rows. Raises LedgerError with the database's own words if the query fails."""
    columns, rows = asyncio.run(_fetch(which_database(load(FoundDatabaseSettings)), query))
    (print_json if as_json else print_table)(columns, rows)


async def _fetch(database_url: str, query: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    async with connected(database_url) as connection, connection.transaction(readonly=True):
        if await connection.fetchval("select pg_has_role(oid, 'member') from pg_roles where rolname = $1", READER):
            await connection.execute(f"set local role {READER}")
        await connection.execute("set local search_path = telnyx, public")
        try:
            statement = await connection.prepare(query)
            rows = await statement.fetch()
        except asyncpg.PostgresError as error:
            raise LedgerError(f"{error.sqlstate} {error.message}") from None
        return [attribute.name for attribute in statement.get_attributes()], [tuple(row) for row in rows]
