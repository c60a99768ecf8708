"""Each role reads everything that the catalogue allows it: only the roles that may read texts find one."""

import asyncpg
import pytest

from projections.engine.projector import Projector
from projections.registry import PROJECTIONS
from tests.privacy.canary import BODY, NUMBER, OUTBOUND, UNREADABLE, leaks
from tests.support.environment.postgres import PostgresServer
from tests.support.projections.signed_records import RING, incoming
from tests.support.sql.logins import login_with
from tests.support.webhooks.builders import encode

# The readable columns of every schema except those of Postgres.
COLUMNS = """
select c.oid::regclass::text as relation, quote_ident(a.attname) as name
from pg_class c join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname not in ('pg_catalog', 'information_schema')
  and n.nspname !~ '^pg_toast' and has_schema_privilege(n.oid, 'usage')
  and has_column_privilege(c.oid, a.attnum, 'select')
"""
FUNCTIONS = """
select p.oid::regproc::text as name, array(select format_type(t, null) from unnest(p.proargtypes) as t)::text[] as takes
from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where n.nspname not in ('pg_catalog', 'information_schema') and p.prokind = 'f'
  and p.prorettype <> 'trigger'::regtype and has_schema_privilege(n.oid, 'usage')
  and has_function_privilege(p.oid, 'execute')
"""
ARGUMENTS = {
    "text": f"'{NUMBER}'",
    "timestamp with time zone": "'infinity'::timestamptz",
    "uuid": "'00000000-0000-0000-0000-000000000000'::uuid",
    "bytea": "'\\x00'::bytea",
    "jsonb": "'{}'::jsonb",
}


@pytest.fixture
async def stored(database_url: str) -> str:
    """A database with the canary in every table that may hold it."""
    projector = Projector(database_url, keys=RING, verify=True, owner="one", projections=PROJECTIONS)
    try:
        await projector.apply([incoming(BODY), incoming(encode(OUTBOUND)), incoming(UNREADABLE)])
    finally:
        await projector.close()
    return database_url


async def read_everything(login: asyncpg.Connection) -> tuple[str, int]:
    """Everything that a login can read by relations and functions, and the number of columns and functions."""
    shown: list[str] = []
    columns = await login.fetch(COLUMNS)
    for relation, name in columns:
        try:
            shown += [str(row[0]) for row in await login.fetch(f"select {name}::text from {relation}")]
        except asyncpg.InsufficientPrivilegeError:
            continue  # a view over columns that it may not read: views are security_invoker
    functions = await login.fetch(FUNCTIONS)
    for name, takes in functions:
        given = ", ".join(ARGUMENTS.get(kind, f"null::{kind}") for kind in takes)
        try:
            shown += [str(row[0]) for row in await login.fetch(f"select to_json(f)::text from {name}({given}) as f")]
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            shown.append(f"{error} {getattr(error, 'detail', '')}")
    return "\n".join(shown), len(columns) + len(functions)


@pytest.mark.parametrize(
    ("role", "number_may", "text_may"),
    [
        ("", False, False),
        ("telnyx_ingest", False, False),
        ("telnyx_reader", True, False),
        ("telnyx_writer", True, True),
        ("telnyx_auditor", True, True),
    ],
)
async def test_a_role_reads_what_its_job_needs(
    postgres_server: PostgresServer, stored: str, role: str, *, number_may: bool, text_may: bool
) -> None:
    async with login_with(postgres_server, stored, role) as login:
        shown, usable = await read_everything(login)
    assert (usable > 0) is bool(role)
    assert bool(leaks(shown, number_may=True)) is text_may
    assert (NUMBER in shown) is number_may
