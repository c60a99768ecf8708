"""No statement of `sql` sees more than telnyx_reader may, whatever login runs it."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from deploy.commands.sql import _fetch
from schemas.errors import LedgerError, Misconfigured
from schemas.sql.migrate import migrate
from tests.support.environment.postgres import PostgresServer
from tests.support.sql.rows import NOON, insert, insert_event

# The role is set back first, and the text is read by a function that takes a query as text.
AUDIT = """
    select w.word from (select set_config('role', 'none', true) as r offset 0) s
    cross join lateral ts_stat(case when s.r = 'none' then
      'select to_tsvector(''simple'', text) from telnyx.message_contents' end) w
"""
TRICKS = [
    AUDIT,
    AUDIT.replace("'none'", "'postgres'"),
    AUDIT.replace("set_config('role', 'none', true)", "set_config('session_authorization', 'default', true)"),
    "select query_to_xml('select text from telnyx.message_contents', true, true, '')::text",
    "select word from ts_stat('select to_tsvector(''simple'', text) from telnyx.message_contents')",
    "select 1 from (select set_config('role', 'none', true)) s, telnyx.message_contents",
    "select text from message_contents",
    "select body from events",
    "select 1; set role none",
    "set role none",
    "explain analyze select text from message_contents",
]


@pytest.fixture(params=["superuser", "creator of the roles", "auditor", "writer"])
async def url(request: pytest.FixtureRequest, postgres_server: PostgresServer) -> AsyncIterator[str]:
    """A database with message text, and a login that may read it."""
    kind = request.param
    database = f"ledger_test_{secrets.token_hex(6)}"
    login, password = f"login_{secrets.token_hex(6)}", secrets.token_hex(8)
    roles = {"auditor": "in role telnyx_auditor", "writer": "in role telnyx_writer"}
    await postgres_server.execute(f"create role {login} login createrole password '{password}' {roles.get(kind, '')}")
    owner = login if kind == "creator of the roles" else "postgres"
    try:
        for role in ("telnyx_owner", "telnyx_reader", "telnyx_writer", "telnyx_auditor", "telnyx_ingest"):
            if kind == "creator of the roles":  # as the server records it for the login that made them
                await postgres_server.execute(f"grant {role} to {login} with admin true, inherit false, set false")
        await postgres_server.execute(f"create database {database} template template0 encoding 'UTF8' owner {owner}")
        place = urlsplit(postgres_server.url_of(database))
        theirs = place._replace(netloc=f"{login}:{password}@{place.netloc.rpartition('@')[2]}").geturl()
        lines: list[str] = []
        await migrate(theirs if kind == "creator of the roles" else place.geturl(), lines.append)
        await migrate(theirs if kind == "creator of the roles" else place.geturl(), lines.append)
        assert not [line for line in lines if "warning" in line]
        await store_text(place.geturl())
        yield place.geturl() if kind == "superuser" else theirs
    finally:
        await postgres_server.execute(f"drop database if exists {database} with (force)")
        await postgres_server.execute(f"drop owned by {login}; drop role {login}")


async def store_text(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    event = await insert_event(connection)
    content = {
        "message_id": "m",
        "text": "SECRETWORD",
        "event_key": event["event_key"],
        "occurred_at": NOON,
    }
    await insert(connection, "telnyx.message_contents", content)
    await connection.close()


async def fetch(url: str, query: str, *values: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    return await _fetch(url, query, values, timeout_seconds=20)


async def test_no_statement_reads_message_text(url: str) -> None:
    for trick in TRICKS:
        with pytest.raises(LedgerError, match=r"^(42501|42601|0A000) "):
            pytest.fail(f"{trick}: {await fetch(url, trick)}")


async def test_columns_keep_their_names_and_types(url: str) -> None:
    query = """select 1 as n, 1.50 as n, 'a'::char(3) as "Two words", array[1, 2] as many, $1::text as given,
        null as none, 'x'::varchar(5), timestamptz '2026-01-01 00:00+00' as at, row(1, 'b') as pair,
        pg_sleep(0) as nothing"""
    names, rows = await fetch(url, query, "it's")
    assert names == ["n", "n", "Two words", "many", "given", "none", "varchar", "at", "pair", "nothing"]
    at = datetime(2026, 1, 1, tzinfo=UTC)
    assert rows == [(1, Decimal("1.50"), "a  ", [1, 2], "it's", None, "x", at, "(1,b)", "")]
    assert (await fetch(url, "show search_path;"))[0] == ["search_path"]
    assert (await fetch(url, "explain select 1"))[0] == ["QUERY PLAN"]
    assert (await fetch(url, "select count(*) from message_deliveries -- end"))[1] == [(0,)]


async def test_an_altered_function_is_no_boundary(database_url: str, connection: asyncpg.Connection) -> None:
    await connection.execute("set role telnyx_reader")
    await connection.execute("alter function telnyx.run_as_reader(text, text[]) security invoker")
    with pytest.raises(Misconfigured, match="run `telnyx-ledger migrate`"):
        await fetch(database_url, "select 1")
    await asyncio.wait_for(migrate(database_url, lambda _: None), 60)
    assert (await fetch(database_url, "select 1"))[1] == [(1,)]
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("create function telnyx.mine() returns int language sql as 'select 1'")
