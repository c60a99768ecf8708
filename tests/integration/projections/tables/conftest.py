"""A projector with the tables of the account, empty at the start of each test."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.support.projections.apply import allow_clearing, closing, new_projector
from tests.support.projections.resource_tables import Ledger


@pytest.fixture
async def ledger(database_url: str, connection: asyncpg.Connection) -> AsyncIterator[Ledger]:
    await allow_clearing(connection)
    async with closing(new_projector(database_url)) as projector:
        yield Ledger(projector, connection)
