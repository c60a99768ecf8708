"""`sql`: one query with the rights of `telnyx_reader`, in a transaction that cannot write."""

import asyncio
import json
import sys
from typing import Any

import asyncpg
from rich.console import Console
from rich.table import Table
from rich.text import Text

from deploy.postgres import running_url
from deploy.settings import SqlSettings
from schemas.errors import LedgerError, Misconfigured
from schemas.migrate import connected
from schemas.settings import load

READER = "telnyx_reader"
PLAIN_WIDTH = 10_000  # into a pipe or a file nothing is folded


def run_sql(query: str, *, as_json: bool) -> None:
    """Prints the rows. Raises LedgerError with the database's own words if the query fails."""
    columns, rows = asyncio.run(_fetch(_database_url(), query))
    if as_json:
        print(json.dumps([dict(zip(columns, row, strict=True)) for row in rows], default=_shown, ensure_ascii=False))
    else:
        _print_table(columns, rows)


def _database_url() -> str:
    settings = load(SqlSettings)
    url = settings.database_url or running_url(settings.ledger_data_dir)
    if url is None:
        raise Misconfigured(
            [f"DATABASE_URL: not set, and no `dev` is running with its data in {settings.ledger_data_dir}"]
        )
    return url


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


def _shown(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _print_table(columns: list[str], rows: list[tuple[Any, ...]]) -> None:
    table = Table(*columns)
    for row in rows:
        table.add_row(*(Text("" if value is None else _cell(value)) for value in row))
    Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH).print(table)
    print(f"({len(rows)} row{'' if len(rows) == 1 else 's'})")


def _cell(value: Any) -> str:
    return "{" + ", ".join(map(_shown, value)) + "}" if isinstance(value, list) else _shown(value)
