"""A Kafka that answers late or never, and one that comes back: no entry is lost, and requests reach Kafka again."""

import asyncio
from pathlib import Path

from tests.support.environment.waiting import eventually, until
from tests.support.ingest.scripted_publisher import persist, running
from tests.support.ingest.spool import held, record


async def test_a_publish_without_acknowledgement_goes_to_the_spool(tmp_path: Path) -> None:
    async with running(tmp_path) as (port, publisher):
        publisher.silent = True
        async with asyncio.timeout(20):
            assert await persist(port, 1, within_seconds=1.5)
        assert [entry.record for entry in await held(port.spool)] == [record(1)]


async def test_a_spool_full_of_refused_entries_does_not_keep_requests_from_kafka(tmp_path: Path) -> None:
    async with running(tmp_path, max_bytes=10_000) as (port, publisher):
        publisher.refusing = True
        for number in range(10):
            await persist(port, number)
        await until(lambda: port.spool.refused > 0 and port.spool.entries == 0, bool)
        publisher.refusing, publisher.silent = False, True
        assert not await persist(port, 100)
        assert port.sink_unavailable
        publisher.silent = False
        await eventually(lambda: persist(port, 101), bool, timeout_seconds=15)
        assert publisher.kept == [record(101).event_key]


async def test_refused_entries_are_tried_again_when_the_producer_was_rebuilt(tmp_path: Path) -> None:
    async with running(tmp_path) as (port, publisher):
        publisher.refusing = True
        assert await persist(port, 1)
        await until(lambda: port.spool.refused, lambda count: count == 1)
        publisher.refusing = False
        publisher.on_up()
        await until(lambda: port.spool.refused, lambda count: count == 0)
        await until(lambda: publisher.kept, lambda found: found == [record(1).event_key])
