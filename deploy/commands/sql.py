"""`sql`: one statement with the rights of `telnyx_reader`, in a transaction that cannot write and ends in time."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from deploy.operator_session import which_database
from deploy.output import print_json, print_table
from deploy.settings import FoundDatabaseSettings
from deploy.support_queries import bound, question, questions, wording
from schemas.errors import LedgerError, Misconfigured
from schemas.settings import load
from schemas.sql.migrate import connected

READER = "telnyx_reader"


@dataclass(frozen=True, slots=True)
class Asked:
    """What stands on the command line: the statement itself, the name of a question, or a file; and its values."""

    query: str | None
    ask: str | None
    file: Path | None
    given: Sequence[str]
    timeout_seconds: float


def run_sql(asked: Asked, *, as_json: bool) -> None:
    """Prints the rows. Raises LedgerError with the database's own words if the query fails or takes too long."""
    query, values = bound(_statement(asked), _values(asked.given))
    url = which_database(load(FoundDatabaseSettings))
    columns, rows = asyncio.run(_fetch(url, query, values, asked.timeout_seconds))
    (print_json if as_json else print_table)(columns, rows)


def list_questions(*, as_json: bool) -> None:
    """Prints the worked questions; `--ask NAME` answers one."""
    rows = [(name, wording(statement)) for name, statement in questions().items()]
    (print_json if as_json else print_table)(["name", "question"], rows)


def _statement(asked: Asked) -> str:
    given = [name for name in ("query", "ask", "file") if getattr(asked, name) is not None]
    if len(given) != 1:
        raise Misconfigured(["sql: expected a query, or --ask NAME, or --file PATH; `sql --list` shows the questions"])
    if asked.ask is not None:
        return question(asked.ask)
    if asked.file is None:
        return asked.query or ""
    try:
        return asked.file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not text in UTF-8"
        raise Misconfigured([f"--file: {asked.file} cannot be read: {reason}"]) from None


def _values(given: Sequence[str]) -> dict[str, str]:
    pairs = [item.partition("=") for item in given]
    problems = [f"--set {name}: expected NAME=VALUE" for name, equals, _ in pairs if not equals]
    if problems:
        raise Misconfigured(problems)
    return {name: value for name, _, value in pairs}


async def _fetch(
    database_url: str, query: str, values: Sequence[str], timeout_seconds: float
) -> tuple[list[str], list[tuple[Any, ...]]]:
    async with connected(database_url) as connection, connection.transaction(readonly=True):
        if await connection.fetchval("select pg_has_role(oid, 'member') from pg_roles where rolname = $1", READER):
            await connection.execute(f"set local role {READER}")
        await connection.execute("set local search_path = telnyx, public")
        await connection.execute("select set_config('statement_timeout', $1, true)", f"{timeout_seconds:.3f}s")
        try:
            statement = await connection.prepare(query)
            rows = await statement.fetch(*values)
        except asyncpg.QueryCanceledError as error:
            problem = f"{error.sqlstate} no answer within {timeout_seconds:g} s: narrow it, or raise --timeout"
            raise LedgerError(problem) from None
        except asyncpg.PostgresError as error:
            raise LedgerError(f"{error.sqlstate} {error.message}") from None
        return [attribute.name for attribute in statement.get_attributes()], [tuple(row) for row in rows]
