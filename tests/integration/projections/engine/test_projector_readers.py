"""A login that only reads cannot stop a projector, a migrate or the making of a month."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from projections.engine.projector import Projector
from projections.registry import PROJECTIONS
from schemas.sql.migrate import migrate
from tests.support.environment.postgres import PostgresServer
from tests.support.projections.signed_records import RING, bodies
from tests.support.sql.logins import login_with
from tests.support.webhooks import builders

# Every lock of a program that some release has taken. A login needs no right to take one.
ADVISORY = """
    select pg_advisory_lock(7310001), pg_advisory_lock(7310002), pg_advisory_lock(7310003), pg_advisory_lock(7310004),
           pg_advisory_lock(hashtextextended('profile-1' || chr(31) || '+13125550001', 7310005))
"""
MODES = ("row share", "row exclusive", "share update exclusive", "share", "share row exclusive", "exclusive",
         "access exclusive")  # fmt: skip


@pytest.fixture
async def reader(postgres_server: PostgresServer, database_url: str) -> AsyncIterator[asyncpg.Connection]:
    async with login_with(postgres_server, database_url, "telnyx_reader") as opened:
        yield opened


async def test_the_locks_of_a_reader_stop_nothing(
    reader: asyncpg.Connection, connection: asyncpg.Connection, database_url: str
) -> None:
    stop = builders.stop_received()
    person = "select pg_advisory_lock(hashtextextended($1 || chr(31) || $2, 7310005))"
    await reader.execute(person, stop["data"]["payload"]["messaging_profile_id"], "+13125550001")
    await reader.execute(ADVISORY)
    await reader.execute("begin")
    await reader.fetch("select * from telnyx.opt_outs, telnyx.ten_dlc_events, telnyx.schema_revision")
    campaign = builders.campaign_update("c", type="REGISTRATION", status="ACCEPTED")
    old = builders.message_sent("old", at=builders.NOON.replace(year=2031))  # its month does not exist yet
    projector = Projector(database_url, keys=RING, verify=False, owner="one", projections=PROJECTIONS)
    try:
        async with asyncio.timeout(4):
            assert (await projector.apply(bodies(stop, campaign, old))).stored == 3
    finally:
        await projector.close()
    async with asyncio.timeout(4):
        await migrate(database_url, lambda _: None)


@pytest.mark.parametrize("relation", ["telnyx.turns", "telnyx_partitions.months"])
async def test_a_reader_cannot_take_the_locks_of_writers(reader: asyncpg.Connection, relation: str) -> None:
    for mode in MODES:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await reader.execute(f"begin; lock table {relation} in {mode} mode")
        await reader.execute("rollback")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await reader.execute(f"select * from {relation} for key share")
