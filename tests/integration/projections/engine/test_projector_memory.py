"""The memory that a body takes is bounded, whatever its recipients have in common."""

import tracemalloc
from collections.abc import AsyncIterator

import asyncpg
import pytest

from projections.engine.projector import Projector
from projections.registry import PROJECTIONS
from tests.support.projections.signed_records import RING, bodies
from tests.support.webhooks import builders

MIB = 1024 * 1024
MOST = 48 * MIB


@pytest.fixture
async def projector(database_url: str) -> AsyncIterator[Projector]:
    opened = Projector(database_url, keys=RING, verify=False, owner="one", projections=PROJECTIONS)
    await opened.connect()
    yield opened
    await opened.close()


@pytest.mark.parametrize("own", [{}, {"error_code": "40001", "error_message": "not routable"}], ids=["shared", "own"])
async def test_a_body_of_many_recipients_and_long_tags_and_errors(
    projector: Projector, connection: asyncpg.Connection, own: dict[str, str]
) -> None:
    """150 KiB: the tags and errors of the event are those of each of its 800 recipients."""
    people = [builders.recipient(f"+1312555{number:04}", "sent") | own for number in range(800)]
    long = {
        "tags": ["t" * 1000] * 40,
        "errors": [{"code": "40002", "title": "e" * 1000, "detail": str(nth)} for nth in range(40)],
    }
    body = bodies(builders.event("message.sent", builders.outbound("m", people) | long))
    tracemalloc.start()
    try:
        assert (await projector.apply(body)).stored == 1
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MOST, f"{peak / MIB:.0f} MiB"
    assert (
        await connection.fetchval("select count(*) from telnyx.message_deliveries where cardinality(tags) = 40") == 800
    )
    codes = ["40002", *own.get("error_code", "").split()]
    assert (
        await connection.fetchval("select count(*) from telnyx.message_deliveries where error_codes = $1", codes) == 800
    )
    assert await connection.fetchval("select min(length(error_detail)) from telnyx.message_deliveries") > 40_000
