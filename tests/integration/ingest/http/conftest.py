"""Fixtures of the tests over HTTP."""

from collections.abc import AsyncIterator

import pytest

from tests.support.ingest.ingest_server import RunningIngest, running


@pytest.fixture
async def ingest() -> AsyncIterator[RunningIngest]:
    """Ingest on a real socket, with fakes behind it."""
    async with running() as found:
        yield found
