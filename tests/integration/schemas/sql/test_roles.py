"""Each role has the rights that its job needs and no others. Real logins with the role try them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import asyncpg
import pytest

from schemas.sql.migrate import CURRENT_REVISION
from tests.contract import tables as contract
from tests.support.environment.postgres import PostgresServer
from tests.support.sql.logins import login_with
from tests.support.sql.rows import insert, insert_event, insert_opt_out_event

Login = Callable[[str], Awaitable[asyncpg.Connection]]
SECRET = "secret words"
PRIVATE = ["event_payloads", "message_contents", "quarantined_webhooks", "dead_letters"]
LOCKS = "turns"  # for the writer alone
OPERATION = ["person_events", "seal_groups", "projection_state", "projection_offsets", "signing_keys"]
# Every other table of the contract is a read model: a new table must be granted, or these tests fail.
READ_MODELS = [table for table in contract.TABLES if table not in ("events", LOCKS, *OPERATION, *PRIVATE)]
VIEWS = [view for view in contract.VIEWS if view not in PRIVATE]
READ_ONLY = (
    "error_codes",
    "event_seals",
    "seal_count",
    "store_epochs",
)  # for the writer as well: it does not delete from them
WRITTEN = [table for table in (*READ_MODELS, *OPERATION, *PRIVATE[1:]) if table not in READ_ONLY]
EVIDENCE = "telnyx.opt_out_evidence('profile', '+13125550001', now())"
OPEN_COLUMNS = (
    "position, event_key, event_id, account, event_type, retention_class, occurred_at, received_at, recorded_at,"
    " signature, signed_timestamp, key_id"
)


@pytest.fixture
async def login(
    postgres_server: PostgresServer, database_url: str, connection: asyncpg.Connection
) -> AsyncIterator[Login]:
    """Opens connections of logins with a role. The database holds a secret wherever message text may be."""
    event = await insert_event(connection, retention_class="consent")
    await insert_opt_out_event(connection, event_key=event["event_key"])
    key, at = event["event_key"], event["occurred_at"]
    await insert(
        connection, "telnyx.message_contents", {"message_id": "m", "text": SECRET, "event_key": key, "occurred_at": at}
    )
    row = {"quarantine_key": key, "reason": "not_json", "received_at": at, "body": SECRET.encode()}
    await insert(connection, "telnyx.quarantined_webhooks", row)
    async with AsyncExitStack() as stack:

        async def enter(role: str) -> asyncpg.Connection:
            return await stack.enter_async_context(login_with(postgres_server, database_url, role))

        yield enter


async def refused(connection: asyncpg.Connection, *statements: str) -> None:
    for statement in statements:
        try:
            await connection.execute(statement)
        except asyncpg.InsufficientPrivilegeError:
            continue
        pytest.fail(f"allowed: {statement}")


async def test_the_reader_reads_read_models_and_the_open_columns_of_events(login: Login) -> None:
    reader = await login("telnyx_reader")
    for relation in [*READ_MODELS, *OPERATION, *VIEWS, "schema_revision"]:
        await reader.fetch(f"select * from telnyx.{relation}")
    assert len(await reader.fetch(f"select {OPEN_COLUMNS} from telnyx.events")) == 1
    assert len(await reader.fetch("select * from telnyx.opt_outs_as_of(now())")) == 1
    assert await reader.fetchval("select count(*) from telnyx.events") == 1


async def test_the_reader_cannot_reach_message_text(login: Login) -> None:
    reader = await login("telnyx_reader")
    await refused(
        reader,
        "select body from telnyx.events",
        "select * from telnyx.events",
        "select e from telnyx.events e",
        "select row_to_json(e) from telnyx.events e",
        "select length(body) from telnyx.events",
        "select event_key from telnyx.events order by body",
        "select event_key from telnyx.events where body is not null",
        "select telnyx.event_payload('{}')",
        "select telnyx.event_payload(body) from telnyx.events",
        f"select * from {EVIDENCE}",
        "select * from telnyx_partitions.events_consent",
        "select * from telnyx_partitions.events_consent_2026_11",
        "copy telnyx.events to stdout",
        *(f"select * from telnyx.{relation}" for relation in PRIVATE),
        "select event_key from telnyx.event_payloads",
    )


async def test_a_reader_finds_no_relation_or_column_that_holds_the_secret(login: Login) -> None:
    """Reads and searches every column that a reader may read, including relations added to the schema later."""
    reader = await login("telnyx_reader")
    columns = await reader.fetch("""
        select c.oid::regclass::text as relation, quote_ident(a.attname) as name
        from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        where c.relkind in ('r', 'p', 'v') and c.relnamespace::regnamespace::text like 'telnyx%'
          and has_schema_privilege(c.relnamespace, 'usage') and has_column_privilege(c.oid, a.attnum, 'select')
    """)
    assert len(columns) > 90
    for relation, name in columns:
        for row in await reader.fetch(f"select {name}, {name}::text as words from {relation}"):
            assert SECRET not in str(row["words"])
            assert SECRET.encode() not in (row[0] if isinstance(row[0], bytes) else b"")


async def test_the_reader_changes_nothing(login: Login) -> None:
    reader = await login("telnyx_reader")
    for relation in [*READ_MODELS, *OPERATION, "schema_revision"]:
        await refused(reader, f"delete from telnyx.{relation}", f"truncate telnyx.{relation}")
    await refused(
        reader,
        "insert into telnyx.error_codes (code, title) values ('1', 'one')",
        "update telnyx.opt_outs set opted_out = false",
        "select telnyx.ensure_partition('consent', now())",
        "select telnyx.ensure_partitions(now(), 1)",
        "select nextval('telnyx.events_position_seq')",
        "create table telnyx.mine (x int)",
    )


async def test_the_auditor_reads_everything_and_changes_nothing(login: Login) -> None:
    auditor = await login("telnyx_auditor")
    for relation in ["events", *READ_MODELS, *OPERATION, *PRIVATE, "schema_revision"]:
        await auditor.fetch(f"select * from telnyx.{relation}")
        await refused(auditor, f"delete from telnyx.{relation}")
    for view in VIEWS:
        await auditor.fetch(f"select * from telnyx.{view}")
    assert SECRET in await auditor.fetchval("select payload ->> 'text' from telnyx.event_payloads")
    assert SECRET.encode() in await auditor.fetchval(f"select body from {EVIDENCE}")


async def test_ingest_only_looks_events_up(login: Login) -> None:
    ingest = await login("telnyx_ingest")
    assert len(await ingest.fetch("select retention_class, occurred_at, event_key from telnyx.events")) == 1
    assert await ingest.fetchval("select version_num from telnyx.schema_revision") == CURRENT_REVISION
    await refused(
        ingest,
        "select body from telnyx.events",
        "select account from telnyx.events",
        "select * from telnyx.opt_outs",
        "select * from telnyx.signing_keys",
        "select * from telnyx.opt_outs_as_of(now())",
        f"select * from {EVIDENCE}",
        "insert into telnyx.events (event_key) values (gen_random_uuid())",
        "select telnyx.ensure_partition('consent', now())",
    )


async def test_the_writer_appends_events_and_keeps_read_models(login: Login) -> None:
    writer = await login("telnyx_writer")
    await insert_event(writer, retention_class="registry", occurred_at=(await writer.fetchval("select now()")))
    await insert_event(
        writer, event_id="made a month", occurred_at=await writer.fetchval("select timestamptz '2044-04-04'")
    )
    await insert_opt_out_event(writer)
    assert await writer.fetchval("select count(*) from telnyx.events") == 3
    assert await writer.fetchval("select count(body) from telnyx.event_payloads") == 3
    for relation in WRITTEN:
        await writer.execute(f"delete from telnyx.{relation}")
    await writer.execute("update telnyx.opt_outs set opted_out = true")


async def test_the_writer_neither_rewrites_history_nor_the_schema(login: Login) -> None:
    writer = await login("telnyx_writer")
    await refused(
        writer,
        "update telnyx.events set account = 'x'",
        "delete from telnyx.events",
        "truncate telnyx.events",
        "update telnyx.event_seals set events = 1",
        "delete from telnyx.event_seals",
        "truncate telnyx.event_seals",
        "delete from telnyx.seal_count",
        *(f"truncate telnyx.{relation}" for relation in WRITTEN),
        "delete from telnyx.error_codes",
        "delete from telnyx.schema_revision",
        "select * from telnyx_partitions.events_consent",
        "create table telnyx.mine (x int)",
        "create table telnyx_partitions.mine (x int)",
        "alter table telnyx.opt_outs add column mine int",
        "drop table telnyx.opt_outs",
        "alter table telnyx.events disable trigger all",
        "select setval('telnyx.events_position_seq', 1)",
        "set session_replication_role = replica",
    )


async def test_a_login_without_a_role_sees_nothing(login: Login, connection: asyncpg.Connection) -> None:
    await connection.execute(
        "do $$ begin create role telnyx_test_stranger; exception when duplicate_object then end $$"
    )
    stranger = await login("telnyx_test_stranger")
    await refused(
        stranger,
        "select * from telnyx.error_codes",
        "select * from telnyx.opt_outs_as_of(now())",
        "select telnyx.ensure_partition('consent', now())",
    )


async def test_the_owner_owns_everything_and_cannot_log_in(connection: asyncpg.Connection) -> None:
    others = await connection.fetch("""
        select oid::regclass::text as what from pg_class
        where relnamespace in ('telnyx'::regnamespace, 'telnyx_partitions'::regnamespace)
          and relowner <> 'telnyx_owner'::regrole
        union all
        select oid::regprocedure::text from pg_proc
        where pronamespace = 'telnyx'::regnamespace and proowner <> 'telnyx_owner'::regrole
        union all
        select nspname from pg_namespace where nspname like 'telnyx%' and nspowner <> 'telnyx_owner'::regrole
    """)
    assert [row["what"] for row in others] == ["telnyx.run_as_reader(text,text[])"]  # the reader's: its boundary
    assert not await connection.fetchval("select bool_or(rolcanlogin) from pg_roles where rolname ~ '^telnyx_'")
