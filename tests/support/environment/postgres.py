"""Fixtures of a real Postgres: one server for the whole run, and a fresh copy of a migrated database per test.

The server is TEST_DATABASE_URL (its login must be allowed to create databases and roles), else an embedded one.
"""

import asyncio
import os
import secrets
import shutil
import tempfile
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from deploy.embedded.postgres import EmbeddedPostgres
from schemas.sql.migrate import migrate
from tests.support.sql.connections import connected


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A server and the template of its fresh databases."""

    admin_url: str
    template: str

    def url_of(self, database: str) -> str:
        return urlsplit(self.admin_url)._replace(path=f"/{database}").geturl()

    def create(self, template: str | None = None) -> str:
        """Make a database and return its name. It is migrated unless another template is named (`template0`: empty)."""
        database = f"ledger_test_{secrets.token_hex(6)}"
        blocking(self.execute(f'create database {database} template "{template or self.template}"'))
        return database

    def drop(self, database: str) -> None:
        blocking(self.execute(f"drop database if exists {database} with (force)"))

    async def execute(self, statement: str) -> None:
        """Run a statement as the administrator, outside every test's database."""
        async with connected(self.admin_url) as connection:
            await connection.execute(statement)


def blocking(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine to its end in a separate loop, because these fixtures are synchronous."""
    failure: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(work)
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            failure.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Yield the shared server. Never stop it: a test that stops a server starts its own EmbeddedPostgres."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield from _with_template(given)
        return
    # Not under pytest's own directory, which is closed to the account that the server runs as.
    directory = Path(tempfile.mkdtemp(prefix="ledger-postgres-"))
    directory.chmod(0o711)
    quick = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "max_connections": "200"}
    server = EmbeddedPostgres(directory / "data", report=lambda _: None, settings=quick)
    try:
        yield from _with_template(server.start())
    finally:
        server.stop()
        shutil.rmtree(directory)


def _with_template(admin_url: str) -> Iterator[PostgresServer]:
    server = PostgresServer(admin_url, f"ledger_template_{secrets.token_hex(6)}")
    blocking(server.execute(f"create database {server.template} template template0 encoding 'UTF8'"))
    try:
        blocking(migrate(server.url_of(server.template), lambda _: None))
        yield server
    finally:
        server.drop(server.template)


@pytest.fixture
def database_url(postgres_server: PostgresServer) -> Iterator[str]:
    """Yield the URL of a migrated database of this test alone."""
    database = postgres_server.create()
    yield postgres_server.url_of(database)
    postgres_server.drop(database)


@pytest.fixture
def empty_database_url(postgres_server: PostgresServer) -> Iterator[str]:
    """Yield the URL of an empty database of this test alone."""
    database = postgres_server.create("template0")
    yield postgres_server.url_of(database)
    postgres_server.drop(database)


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Yield a connection as the administrator to this test's database."""
    opened = await asyncpg.connect(database_url)
    yield opened
    await opened.close()
