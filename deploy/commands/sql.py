"""`sql`: runs one statement with the rights of `telnyx_reader`, in a read-only transaction with a time limit.

Invariant: no statement sees more than telnyx_reader may, however much the login may. It runs inside the function
`run_as_reader` (schemas/sql/run_as_reader.sql); a statement could undo `set role`.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import asyncpg
import typer

from deploy.commands import AsJson, command_app
from deploy.operator_session import resolve_database_url
from deploy.output import show
from deploy.settings import FoundDatabaseSettings
from deploy.support_queries import bound, question_of, support_queries, support_query
from schemas.errors import LedgerError, Misconfigured
from schemas.settings import load
from schemas.sql.migrate import connected

READER = "telnyx_reader"
PSEUDO_TYPES = ("void", "record", "record[]")

app = command_app()


@app.command()
def sql(
    query: Annotated[str | None, typer.Argument(help="One statement.")] = None,
    *,
    ask: Annotated[str | None, typer.Option(metavar="NAME", help="Run this support query instead.")] = None,
    file: Annotated[Path | None, typer.Option(help="Run the one statement in this file instead.")] = None,
    values: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="The value of :'NAME' in the statement.")
    ] = None,
    list_queries: Annotated[bool, typer.Option("--list", help="List the support queries.")] = False,
    timeout: Annotated[float, typer.Option(min=0.001, help="Time limit in seconds.")] = 60,
    as_json: AsJson = False,
) -> None:
    """Run one read-only query and print a table.

    It runs as the role telnyx_reader on DATABASE_URL, or on the Postgres of a running `dev`.
    """
    if list_queries:
        queries = [(name, question_of(statement)) for name, statement in support_queries().items()]
        show(["name", "question"], queries, as_json=as_json)
        return
    statement, parameters = bound(_statement(query, ask, file), _named_values(values or []))
    url = resolve_database_url(load(FoundDatabaseSettings))
    columns, rows = asyncio.run(_fetch(url, statement, parameters, timeout_seconds=timeout))
    show(columns, rows, as_json=as_json)


def _statement(query: str | None, ask: str | None, file: Path | None) -> str:
    if [query, ask, file].count(None) != 2:
        raise Misconfigured(
            ["sql: expected a query, or --ask NAME, or --file PATH; `sql --list` shows the support queries"]
        )
    if ask is not None:
        return support_query(ask)
    if file is None:
        return query or ""
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not text in UTF-8"
        raise Misconfigured([f"--file: {file} cannot be read: {reason}"]) from None


def _named_values(assignments: Sequence[str]) -> dict[str, str]:
    pairs = [assignment.partition("=") for assignment in assignments]
    problems = [f"--set {name}: expected NAME=VALUE" for name, equals, _ in pairs if not equals]
    if problems:
        raise Misconfigured(problems)
    return {name: value for name, _, value in pairs}


async def _fetch(
    database_url: str, query: str, values: Sequence[str], *, timeout_seconds: float
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return column names and rows. Raises LedgerError with the database's message if the query fails."""
    async with connected(database_url) as connection, connection.transaction(readonly=True):
        bounded = await _is_bounded(connection)
        await connection.execute("set local search_path = telnyx, public")
        await connection.execute("select set_config('statement_timeout', $1, true)", f"{timeout_seconds:.3f}s")
        try:
            statement = await connection.prepare(query)
            attributes = statement.get_attributes()
            if bounded:
                rows = await connection.fetch(await _call(connection, attributes), _text(query, attributes), values)
            else:
                rows = await statement.fetch(*values)
        except asyncpg.QueryCanceledError as error:
            problem = f"no answer within {timeout_seconds:g} s: narrow the query, or raise --timeout"
            raise LedgerError(f"{error.sqlstate} {problem}") from None
        except asyncpg.PostgresError as error:
            raise LedgerError(f"{error.sqlstate} {error.message}") from None
        return [attribute.name for attribute in attributes], [tuple(row) for row in rows]


async def _is_bounded(connection: asyncpg.Connection) -> bool:
    """Whether `run_as_reader` runs the statement. If not, the rights of the login bound it.

    Raises Misconfigured where the login may read message text and the function is missing or was altered.
    """
    bounded, may_read_text = await connection.fetchrow(_BOUNDARY, READER)
    if not bounded and may_read_text:
        problem = "sql: telnyx.run_as_reader is missing or not the installed one, and this login may read message text"
        raise Misconfigured([f"{problem}; run `telnyx-ledger migrate`, or log in as a reader"])
    return bool(bounded)


# The owner of the function could make it run with the rights of its caller: that is looked at each time.
_BOUNDARY = """
    select (select prosecdef and pg_get_userbyid(proowner) = $1 and has_function_privilege(oid, 'execute')
            from pg_proc where oid = to_regprocedure('telnyx.run_as_reader(text, text[])')) as bounded,
           coalesce(has_table_privilege(to_regclass('telnyx.message_contents'), 'select')
                    or has_column_privilege(to_regclass('telnyx.events'), 'body', 'select'), false) as may_read_text
"""


async def _call(connection: asyncpg.Connection, attributes: Sequence[asyncpg.Attribute]) -> str:
    """The call of `run_as_reader` for a statement with these columns, which keep their types."""
    oids = [attribute.type.oid for attribute in attributes]
    names = dict(await connection.fetch("select oid, format_type(oid, -1) from pg_type where oid = any($1)", oids))
    types = ["text" if attribute.type.name in PSEUDO_TYPES else names[attribute.type.oid] for attribute in attributes]
    columns = ", ".join(f"c{number} {name}" for number, name in enumerate(types)) or "nothing text"
    return f"select * from telnyx.run_as_reader($1, $2) as answer ({columns})"  # noqa: S608 -- names of types only


def _text(query: str, attributes: Sequence[asyncpg.Attribute]) -> str:
    """The statement, with columns as text where a function cannot return their type."""
    names = [f"c{number}" for number in range(len(attributes))]
    if not any(attribute.type.name in PSEUDO_TYPES for attribute in attributes):
        return query
    shown = [
        f"{name}::text" if attribute.type.name in PSEUDO_TYPES else name
        for name, attribute in zip(names, attributes, strict=True)
    ]
    inner = query.rstrip().rstrip(";")
    return f"select {', '.join(shown)} from (\n{inner}\n) as answer ({', '.join(names)})"  # noqa: S608 -- it runs as the reader
