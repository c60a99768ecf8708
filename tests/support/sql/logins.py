"""Logins of Postgres with the rights of one role, for the length of a test."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import asyncpg

from tests.support.environment.postgres import PostgresServer
from tests.support.sql.connections import connected


@asynccontextmanager
async def login_with(server: PostgresServer, database_url: str, role: str) -> AsyncIterator[asyncpg.Connection]:
    name, password = f"login_{secrets.token_hex(6)}", secrets.token_hex(8)
    await server.execute(f"create role {name} login password '{password}' {role and f'in role {role}'}")
    place = urlsplit(database_url)
    address = place.netloc.rpartition("@")[2]
    async with connected(place._replace(netloc=f"{name}:{password}@{address}").geturl()) as connection:
        yield connection
        await server.execute(f"drop role {name}")
