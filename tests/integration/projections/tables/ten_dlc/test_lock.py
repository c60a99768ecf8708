"""Two projectors write a link and the facts it links in overlapping transactions. The lock makes one see the other."""

import asyncio
from dataclasses import replace
from typing import Any

import asyncpg

from projections.engine.projector import Projector
from projections.tables.ten_dlc.facts import TEN_DLC
from tests.support.projections.signed_records import RING, bodies
from tests.support.projections.ten_dlc import TCR, TELNYX, clear, rows, webhook
from tests.support.webhooks.builders import Json


async def overlapping(url: str, lock: str, first: Json, second: Json) -> None:
    """Both projectors have written their facts, and neither has committed, before the first takes the lock."""
    refold = replace(TEN_DLC.refold, lock=lock)  # type: ignore[type-var]
    ten_dlc = replace(TEN_DLC, refold=refold)
    projectors = [Projector(url, keys=RING, verify=False, owner=name, projections=[ten_dlc]) for name in "ab"]
    opened = [await projector.connect() for projector in projectors]
    stands, go = [asyncio.Event(), asyncio.Event()], asyncio.Event()

    class Gated:
        """Stops before the lock."""

        def __init__(self, number: int) -> None:
            self._number = number

        async def execute(self, statement: str, *arguments: Any) -> str:
            if statement == lock:
                stands[self._number].set()
                await go.wait()
            result: str = await opened[self._number].execute(statement, *arguments)
            return result

        def __getattr__(self, name: str) -> Any:
            return getattr(opened[self._number], name)

    for number, projector in enumerate(projectors):
        projector._connection = Gated(number)  # the seam of this test: the same connection, held before its lock
    tasks = [
        asyncio.create_task(one.apply(bodies(event))) for one, event in zip(projectors, (first, second), strict=True)
    ]
    await asyncio.gather(*(one.wait() for one in stands))
    go.set()
    await asyncio.wait_for(asyncio.gather(*tasks), 20)
    for projector in projectors:
        await projector.close()


async def test_concurrent_projectors_fold_each_others_facts(database_url: str, connection: asyncpg.Connection) -> None:
    refold = TEN_DLC.refold
    assert refold is not None
    for number in range(10):
        name, tcr_id = f"campaign-{number}", f"C{number:06}"
        first = webhook(number, campaignId=tcr_id, type="VERIFIED")
        second = webhook(number + 1, campaignId=name, tcrCampaignId=tcr_id, type="TELNYX_EVENT", status="DORMANT")
        await overlapping(database_url, refold.lock, *((first, second) if number % 2 else (second, first)))
        found = await connection.fetch("select campaign_id, to_status from telnyx.campaign_transitions order by seq")
        assert [tuple(row) for row in found] == [(name, "MNO_PROVISIONED"), (name, "TCR_SUSPENDED")]
        await clear(connection)


async def test_a_fact_is_missed_without_the_lock(database_url: str, connection: asyncpg.Connection) -> None:
    first = webhook(0, campaignId=TCR, type="VERIFIED")
    second = webhook(1, campaignId=TELNYX, tcrCampaignId=TCR, type="TELNYX_EVENT", status="DORMANT")
    found = []
    for _ in range(10):
        await overlapping(database_url, "select 1", first, second)
        found.append(await rows(connection, "select campaign_id from telnyx.campaigns"))
        await clear(connection)
    assert any(one != [(TELNYX,)] for one in found)
