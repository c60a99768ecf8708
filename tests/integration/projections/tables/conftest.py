"""A projector with the tables of the account, empty at the start of each test."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from projections.engine.projector import Projector
from projections.registry import PROJECTIONS
from tests.support.projections.account_tables import RING, Ledger


@pytest.fixture
async def ledger(database_url: str, connection: asyncpg.Connection) -> AsyncIterator[Ledger]:
    await connection.execute(
        "create or replace function telnyx.refuse_change() returns trigger language plpgsql as 'begin return old; end'"
    )
    projector = Projector(database_url, keys=RING, verify=True, owner="accounts", projections=PROJECTIONS)
    yield Ledger(projector, connection)
    await projector.close()
