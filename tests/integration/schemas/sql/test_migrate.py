"""migrate is all or nothing, harmless to repeat, and reports each problem in one line with a remedy."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import asyncpg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

import schemas
from deploy.embedded.postgres import EmbeddedPostgres
from schemas.errors import Misconfigured, Unavailable
from schemas.sql.migrate import CURRENT_REVISION, migrate, require_current
from tests.support.environment.postgres import PostgresServer
from tests.support.sql.connections import fetchval

UNCHANGED = f"schema is {CURRENT_REVISION}: tables are unchanged, views and grants are those of this release"

FINGERPRINT = """
    select md5(string_agg(line, e'\n' order by line)) from (
      select format('%s %s %s', c.oid::regclass, c.relkind, c.relacl) as line from pg_class c
      where c.relnamespace::regnamespace::text like 'telnyx%'
      union all
      select format('%s %s', p.oid::regprocedure, p.proacl) from pg_proc p
      where p.pronamespace::regnamespace::text like 'telnyx%'
    ) as lines
"""


async def refused(url: str) -> str:
    """The one problem for which a migrate is refused, before it reports anything."""
    reports: list[str] = []
    with pytest.raises(Misconfigured) as caught:
        await migrate(url, reports.append)
    assert reports == []
    [problem] = caught.value.problems
    return problem


async def migrated(url: str) -> list[str]:
    """Migrates, and gives the lines that were reported."""
    reports: list[str] = []
    await migrate(url, reports.append)
    return reports


@pytest.fixture
async def blank(empty_database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(empty_database_url)
    yield connection
    await connection.close()


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """A server without the telnyx roles. On the shared server, all databases share them."""
    with TemporaryDirectory(prefix="ledger-postgres-") as directory:
        Path(directory).chmod(0o711)
        server = EmbeddedPostgres(Path(directory) / "data", report=lambda _: None, settings={"fsync": "off"})
        try:
            yield PostgresServer(server.start(), "template1")
        finally:
            server.stop()


def as_login(url: str, name: str) -> str:
    place = urlsplit(url)
    return place._replace(netloc=f"{name}:word@{place.netloc.rpartition('@')[2]}").geturl()


def test_the_program_knows_its_newest_revision() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(schemas.__file__).parent / "sql" / "migrations"))
    assert ScriptDirectory.from_config(config).get_current_head() == CURRENT_REVISION


async def test_an_empty_database_becomes_current(empty_database_url: str, blank: asyncpg.Connection) -> None:
    with pytest.raises(Misconfigured) as older:
        await require_current(blank)
    (problem,) = older.value.problems
    assert problem == f"database schema is 0000, this program needs {CURRENT_REVISION}: run `telnyx-ledger migrate`"
    assert await migrated(empty_database_url) == [f"schema is {CURRENT_REVISION}, created"]
    await require_current(blank)
    ahead = (
        "select count(*) from pg_class where relname in (select 'events_traffic_' || to_char(now() at time zone 'UTC'"
        " + make_interval(months => i), 'YYYY_MM') from generate_series(0, 3) i)"
    )
    assert await blank.fetchval(ahead) == 4


async def test_migrating_again_changes_nothing_and_is_quick(database_url: str, connection: asyncpg.Connection) -> None:
    before = await connection.fetchval(FINGERPRINT)
    xmin = await connection.fetchval("select max(xmin::text::bigint) from telnyx.error_codes")
    start = time.monotonic()
    assert await migrated(database_url) == [UNCHANGED]
    assert time.monotonic() - start < 5
    assert await connection.fetchval(FINGERPRINT) == before
    assert await connection.fetchval("select max(xmin::text::bigint) from telnyx.error_codes") == xmin


async def test_concurrent_migrates_are_harmless(empty_database_url: str) -> None:
    for report in await asyncio.gather(*(migrated(empty_database_url) for _ in range(4))):
        [line] = report
        assert line.startswith(f"schema is {CURRENT_REVISION}")


async def test_a_failed_migration_leaves_nothing(empty_database_url: str, blank: asyncpg.Connection) -> None:
    await blank.execute("create schema telnyx_partitions")
    with pytest.raises(asyncpg.DuplicateSchemaError):
        await migrated(empty_database_url)
    assert await blank.fetchval("select to_regnamespace('telnyx') is null")


async def test_a_schema_before_the_baseline_is_refused(database_url: str, connection: asyncpg.Connection) -> None:
    await connection.execute("update telnyx.schema_revision set version_num = '0010'")
    problem = await refused(database_url)
    assert problem.startswith("database schema is 0010, this program upgrades 0011 or newer: use an empty database")


async def test_every_migrate_restores_views_and_functions(database_url: str, connection: asyncpg.Connection) -> None:
    await connection.execute("drop view telnyx.pipeline_lag")
    await connection.execute("""
        create or replace function telnyx.is_toll_free(number text) returns boolean language sql return false
    """)
    await migrated(database_url)
    assert await connection.fetchval("select count(*) from telnyx.pipeline_lag") == 0
    assert await connection.fetchval("select telnyx.is_toll_free('+18005550100')")
    assert await connection.fetchval("select has_table_privilege('telnyx_reader', 'telnyx.pipeline_lag', 'select')")


async def test_a_long_read_of_a_view_does_not_hold_back_a_migrate_that_leaves_it_unchanged(
    database_url: str, connection: asyncpg.Connection
) -> None:
    async with connection.transaction():
        await connection.fetch("select * from telnyx.pipeline_lag")
        assert await migrated(database_url) == [UNCHANGED]


async def test_a_view_whose_file_changed_is_replaced(database_url: str, connection: asyncpg.Connection) -> None:
    await connection.execute("create or replace view telnyx.toll_free_blocks as select * from telnyx.toll_free_blocks")
    await connection.execute("update telnyx_partitions.installed_views set digest = 'of an older file'")
    await migrated(database_url)
    assert await connection.fetchval("select count(*) from telnyx.toll_free_blocks") == 0


async def test_months_marked_by_a_comment_stay_marked(database_url: str, connection: asyncpg.Connection) -> None:
    """Databases made before the table `months` existed keep the mark in that comment."""
    await connection.execute("drop table telnyx_partitions.months")
    await connection.execute("comment on table telnyx_partitions.events_traffic_2026_11 is 'known to every session'")
    await migrated(database_url)
    marked = await connection.fetchval("""
        select shown_at < now() from telnyx_partitions.months where name = 'events_traffic_2026_11'
    """)
    assert marked


async def test_error_codes_of_a_new_release_take_effect(database_url: str, connection: asyncpg.Connection) -> None:
    await connection.execute("update telnyx.error_codes set title = 'old' where code = '40300'")
    await connection.execute("delete from telnyx.error_codes where code = '40001'")
    await migrated(database_url)
    titles = await connection.fetch(
        "select title from telnyx.error_codes where code in ('40001', '40300') order by code"
    )
    assert [row["title"] for row in titles] == ["Not routable", "Blocked (STOP)"]


async def test_a_newer_schema_is_accepted_and_left_alone(database_url: str, connection: asyncpg.Connection) -> None:
    await connection.execute("update telnyx.schema_revision set version_num = '0099'")
    await require_current(connection)
    assert await migrated(database_url) == [
        f"schema is 0099, newer than this program ({CURRENT_REVISION}), nothing to do"
    ]


async def test_a_problem_of_the_database_is_one_line(postgres_server: PostgresServer) -> None:
    latin = f"ledger_test_{secrets.token_hex(6)}"
    await postgres_server.execute(
        f"create database {latin} template template0 encoding 'LATIN1' locale 'C' locale_provider libc"
    )
    place = urlsplit(postgres_server.admin_url)
    cases = {
        postgres_server.url_of("nowhere_at_all"): 'DATABASE_URL: database "nowhere_at_all" does not exist: create it',
        postgres_server.url_of(latin): "DATABASE_URL: the database is LATIN1, UTF8 is needed",
        as_login(postgres_server.admin_url, "unknown_login"): "DATABASE_URL: login refused",
        "mysql://user:password@host/database": "DATABASE_URL: expected postgresql://user:password@host:port/database",
        "postgresql://user:pass/word@host/database": "DATABASE_URL: expected postgresql://",
    }
    try:
        for url, line in cases.items():
            problem = await refused(url)
            assert problem.startswith(line)
            assert "\n" not in problem
            assert "pass/word" not in problem
        with pytest.raises(Unavailable, match="database is not answering"):
            await migrated(place._replace(netloc="postgres@127.0.0.1:1").geturl())
    finally:
        await postgres_server.execute(f"drop database {latin}")


async def test_a_login_that_may_not_create_roles_gets_a_warning(own_server: PostgresServer) -> None:
    await own_server.execute("create role plain login password 'word'")
    await own_server.execute("create database mine owner plain")
    url = as_login(own_server.url_of("mine"), "plain")
    warning, *others = await migrated(url)
    assert warning.startswith("warning: roles not created, the login plain may not create roles: telnyx_owner, ")
    assert others == [f"schema is {CURRENT_REVISION}, created"]
    # Roles that a DBA makes later get their rights from the next migrate. The tables stay with their maker.
    await own_server.execute("create role telnyx_reader")
    await own_server.execute("create role telnyx_owner")
    await own_server.execute("create role analyst login password 'word' in role telnyx_reader")
    assert any("plain is not a member of telnyx_owner" in line for line in await migrated(url))
    analyst = as_login(own_server.url_of("mine"), "analyst")
    assert await fetchval(analyst, "select count(*) from telnyx.error_codes") > 0


async def test_a_login_that_may_create_roles_hands_everything_over_and_keeps_its_rights(
    own_server: PostgresServer,
) -> None:
    await own_server.execute("create role maker login createrole password 'word'")
    await own_server.execute("create database mine owner maker")
    url = as_login(own_server.url_of("mine"), "maker")
    assert await migrated(url) == [f"schema is {CURRENT_REVISION}, created"]
    assert await migrated(url) == [UNCHANGED]
    owner = "select relowner::regrole::text from pg_class where oid = 'telnyx.events'::regclass"
    assert await fetchval(url, owner) == "telnyx_owner"
    assert await fetchval(url, "select telnyx.ensure_partition('traffic', '2041-01-01')")


async def test_a_login_without_rights_is_refused_with_a_reason(own_server: PostgresServer) -> None:
    await own_server.execute("create role plain login password 'word'")
    url = as_login(own_server.admin_url, "plain")
    assert (await refused(url)).startswith("DATABASE_URL: this login may not change the schema")
    await migrated(own_server.admin_url)
    assert "grant it one of the telnyx_ roles" in await refused(url)


async def test_a_unix_socket_and_an_empty_password_are_accepted(own_server: PostgresServer) -> None:
    """The driver reads the URL everywhere. SQLAlchemy would not understand this one."""
    with TemporaryDirectory(prefix="ledger-socket-") as directory, pytest.raises(Unavailable, match="not answering"):
        await migrate(f"postgresql://postgres:@/postgres?host={directory}", lambda _: None)
