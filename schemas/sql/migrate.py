"""Brings a database to the schema of this release, all or nothing, and refuses to start programs on an older schema.

Invariant: all of it is one transaction under a lock that only the owner may take. Concurrent runs are harmless, and a
failed run leaves no trace. A second run replaces the functions, and the views whose file changed. It grants the roles
made since then their rights, and brings the error codes up to date.
"""

import asyncio
import csv
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncpg
import orjson

from schemas.errors import Misconfigured, Unavailable
from schemas.sql.files import in_order, named_in_order, text_of

CURRENT_REVISION = "0013"
OLDEST_REVISION = "0011"  # the baseline: no revision leads from an older schema to it
OLDEST_SERVER = 16
MONTHS_AHEAD = 3
ANSWER_SECONDS = 3.0

_DATA = Path(__file__).parent.parent / "data"
# A view that somebody dropped is made again.
_INSTALLED_VIEWS = """select name, digest from telnyx_partitions.installed_views
    where to_regclass('telnyx.' || substring(name from 'views/(.*)[.]sql')) is not null"""
_REMEMBER_VIEW = """insert into telnyx_partitions.installed_views (name, digest) values ($1, $2)
    on conflict on constraint installed_views_pk do update set digest = excluded.digest"""

Report = Callable[[str], None]


async def migrate(database_url: str, report: Report) -> None:
    """Brings the database to CURRENT_REVISION, with the partitions of this month and the next three. Idempotent.

    `report` gets the lines for the operator. Raises Misconfigured or Unavailable; then nothing has changed.
    """
    async with connected(database_url) as connection:
        connection.add_log_listener(lambda _, notice: _report_warning(notice, report))
        before = await revision_of(connection)
        if before > CURRENT_REVISION:
            report(f"schema is {before}, newer than this program ({CURRENT_REVISION}), nothing to do")
            return
        _refuse_old(before)
        try:
            try:
                await _migrate(connection)
            except (asyncpg.UniqueViolationError, asyncpg.DuplicateSchemaError):
                # Another migrate has made the schema since we looked. It is there now, and can be locked.
                await _migrate(connection)
        except asyncpg.InsufficientPrivilegeError as error:
            raise Misconfigured([f"DATABASE_URL: this login may not change the schema ({error})"]) from error
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as error:
            raise Unavailable("tables are locked by a long transaction: end it and run migrate again") from error
        after = await revision_of(connection)
    if after == before:
        report(f"schema is {after}: tables are unchanged, views and grants are those of this release")
    elif before == "0000":
        report(f"schema is {after}, created")
    else:
        report(f"schema is {after}, was {before}")


async def require_current(connection: asyncpg.Connection) -> None:
    """Accepts a newer schema, which only holds more. Raises Misconfigured if the schema is older than this program."""
    revision = await revision_of(connection)
    if revision < CURRENT_REVISION:
        problem = f"database schema is {revision}, this program needs {CURRENT_REVISION}: run `telnyx-ledger migrate`"
        raise Misconfigured([problem])


async def require_current_at(database_url: str) -> None:
    """Raises Misconfigured if the schema is older than this program, or if the database can never hold it.

    A database that is unavailable or slow does not prevent the start of a process, which waits for it.
    """
    with suppress(Unavailable, TimeoutError):
        async with asyncio.timeout(ANSWER_SECONDS), connected(database_url) as connection:
            await require_current(connection)


async def revision_of(connection: asyncpg.Connection) -> str:
    """The installed revision, `0000` if there is none."""
    try:
        if await connection.fetchval("select to_regclass('telnyx.schema_revision')") is None:
            return "0000"
        return await connection.fetchval("select max(version_num) from telnyx.schema_revision") or "0000"
    except asyncpg.InsufficientPrivilegeError as error:
        problem = "DATABASE_URL: this login may not read schema telnyx: grant it one of the telnyx_ roles"
        raise Misconfigured([problem]) from error


@asynccontextmanager
async def connected(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to a database that can hold the schema, closed at the end.

    Raises Misconfigured if it never can (no such database, login refused, not UTF8, too old), and Unavailable if the
    server does not answer.
    """
    connection = await _connect(database_url)
    try:
        await _check_server(connection)
        yield connection
    finally:
        await connection.close(timeout=5)


async def _connect(database_url: str) -> asyncpg.Connection:
    try:
        return await asyncpg.connect(database_url, timeout=10)
    except asyncpg.InvalidCatalogNameError as error:
        raise Misconfigured([f"DATABASE_URL: {error}: create it with `createdb`"]) from error
    except asyncpg.InvalidAuthorizationSpecificationError as error:
        raise Misconfigured([f"DATABASE_URL: login refused: {error}"]) from error
    except (asyncpg.CannotConnectNowError, asyncpg.TooManyConnectionsError, asyncpg.PostgresConnectionError) as error:
        raise Unavailable(f"database is not answering: {error}") from error
    except OSError as error:  # TimeoutError included
        raise Unavailable(f"database is not answering: {error or 'no connection within 10 s'}") from error
    except (asyncpg.InterfaceError, ValueError) as error:
        # The driver's message may quote a part of the password.
        raise Misconfigured(["DATABASE_URL: expected postgresql://user:password@host:port/database"]) from error


async def _check_server(connection: asyncpg.Connection) -> None:
    problems = []
    major = connection.get_server_version().major
    if major < OLDEST_SERVER:
        problems.append(f"DATABASE_URL: the server is PostgreSQL {major}, {OLDEST_SERVER} or newer is needed")
    encoding = await connection.fetchval("show server_encoding")
    if encoding != "UTF8":
        problems.append(f"DATABASE_URL: the database is {encoding}, UTF8 is needed: `createdb --encoding=UTF8`")
    if problems:
        raise Misconfigured(problems)


def _refuse_old(revision: str) -> None:
    if "0000" < revision < OLDEST_REVISION:
        problem = f"database schema is {revision}, this program upgrades {OLDEST_REVISION} or newer"
        raise Misconfigured([f"{problem}: use an empty database"])


async def _migrate(connection: asyncpg.Connection) -> None:
    async with connection.transaction():
        await _take_turn(connection)
        await _run_files(connection)


async def _take_turn(connection: asyncpg.Connection) -> None:
    """Waits until no other migrate runs, and keeps the others waiting until the end of the transaction."""
    # Creating a schema, or commenting on it, locks it until the end, and only its owner may do that. An advisory lock
    # is open to every login: a reader could hold back every migrate.
    await connection.execute("set local statement_timeout = 0; set local lock_timeout = 0")
    if await connection.fetchval("select to_regnamespace('telnyx') is null"):
        await connection.execute("create schema telnyx")
    await connection.execute("comment on schema telnyx is 'Telnyx webhooks as tables.'")
    await connection.execute("set local lock_timeout = '10s'")


async def _run_files(connection: asyncpg.Connection) -> None:
    # Imported here: processes that only read the revision do not load SQLAlchemy.
    from schemas.sql.migrations.run import upgrade  # noqa: PLC0415

    if await connection.fetchval("select to_regclass('telnyx.projection_state') is not null"):
        # Every batch locks this table first. Projectors wait before they hold locks that a revision needs: no deadlock.
        await connection.execute("lock table telnyx.projection_state in exclusive mode")
    await connection.execute(text_of("roles.sql"))
    before = await revision_of(connection)
    await upgrade(connection)
    for text in in_order("functions"):
        await connection.execute(text)
    await _replace_views(connection, all_of_them=await revision_of(connection) != before)
    await connection.execute(text_of("grants.sql"))
    await connection.execute(text_of("run_as_reader.sql"))
    await connection.execute(text_of("error_codes.sql"), _error_codes())
    await connection.execute("select telnyx.ensure_partitions(now(), $1)", MONTHS_AHEAD)


async def _replace_views(connection: asyncpg.Connection, *, all_of_them: bool) -> None:
    # Replacing a view waits for its readers and keeps new ones waiting: a dashboard's open transaction would stop the
    # upgrade. A revision may have changed what the views read, so all of them follow it.
    await connection.execute(text_of("installed_views.sql"))
    installed = dict(await connection.fetch(_INSTALLED_VIEWS))
    for name, text in named_in_order("views").items():
        digest = hashlib.sha256(text.encode()).hexdigest()
        if name.startswith("views/") and (all_of_them or installed.get(name) != digest):
            await connection.execute(text)
            await connection.execute(_REMEMBER_VIEW, name, digest)


def _error_codes() -> str:
    lines = (_DATA / "error_codes.csv").read_text("utf-8").splitlines()
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    return orjson.dumps([{name: value or None for name, value in row.items()} for row in rows]).decode()


def _report_warning(notice: asyncpg.PostgresLogMessage, report: Report) -> None:
    if notice.severity_en == "WARNING":
        report(f"warning: {notice.message}" + (f" ({notice.hint})" if notice.hint else ""))
