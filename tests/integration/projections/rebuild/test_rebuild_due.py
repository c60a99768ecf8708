"""A due rebuild is logged at each start until it is done, and a new projection is not live before it."""

from dataclasses import replace

import asyncpg
import pytest
from structlog.testing import capture_logs

from projections.engine.projection import Projection
from projections.engine.projector import Projector
from projections.rebuild.rebuild import rebuild
from projections.tables.deliveries import DELIVERIES
from projections.tables.inbound import INBOUND
from tests.support.projections.signed_records import RING, bodies
from tests.support.webhooks import builders

NEWER = replace(DELIVERIES, version=DELIVERIES.version + 1)


async def started(url: str, *projections: Projection) -> list[str]:
    """Connects a projector that applies nothing. Gives the projections that the log names as due."""
    projector = Projector(url, keys=RING, verify=False, owner="one", projections=projections)
    with capture_logs() as logs:
        await projector.connect()
    await projector.close()
    said = [line for line in logs if line["event"] == "rebuild_due"]
    assert all(line["what_now"].endswith(f"`telnyx-ledger rebuild {' '.join(line['projections'])}`") for line in said)
    return [name for line in said for name in line["projections"]]


async def states(connection: asyncpg.Connection) -> dict[str, tuple[str, int]]:
    rows = await connection.fetch("select name, status, version from telnyx.projection_state")
    return {name: (status, version) for name, status, version in rows}


@pytest.fixture(autouse=True)
async def _a_stored_event(database_url: str) -> None:
    assert await started(database_url, DELIVERIES) == []
    projector = Projector(database_url, keys=RING, verify=False, owner="one", projections=[DELIVERIES])
    await projector.apply(bodies(builders.stop_received()))
    await projector.close()


async def test_a_new_projection_is_suspended_until_rebuilt(database_url: str, connection: asyncpg.Connection) -> None:
    for _ in range(2):
        assert await started(database_url, DELIVERIES, INBOUND) == ["inbound"]
        assert await states(connection) == {"deliveries": ("live", DELIVERIES.version), "inbound": ("suspended", 0)}
    await rebuild(database_url, [INBOUND])
    assert await states(connection) == {"deliveries": ("live", 1), "inbound": ("live", INBOUND.version)}
    assert await connection.fetchval("select count(*) from telnyx.inbound_messages") == 1
    assert await started(database_url, DELIVERIES, INBOUND) == []


async def test_a_newer_version_is_live_and_due_until_rebuilt(database_url: str, connection: asyncpg.Connection) -> None:
    assert await started(database_url, NEWER) == ["deliveries"]
    assert await states(connection) == {"deliveries": ("live", DELIVERIES.version)}
    await rebuild(database_url, [NEWER])
    assert await states(connection) == {"deliveries": ("live", NEWER.version)}
    assert await started(database_url, NEWER) == []
    assert await started(database_url, DELIVERIES) == ["deliveries"]
