"""A Kafka that never acknowledges: the record is in the spool before the deadline."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from ingest.durable.kafka_first import KafkaFirst
from ingest.durable.spool import Spool
from ingest.kafka.publisher import Publisher
from ingest.metrics import IngestMetrics
from schemas.errors import Unavailable
from schemas.kafka.record import Record
from tests.support.ingest.spool import record


class Silent:
    """A publisher that is connected and never answers."""

    connected = True
    on_up: Callable[[], None] = staticmethod(lambda: None)

    async def start(self) -> None:
        return

    async def close(self, _seconds: float) -> None:
        return

    def publish(self, _record: Record, _settle: Callable[[Any], None]) -> None:
        return

    async def deliver(self, _records: list[Record]) -> list[None]:
        raise Unavailable("silent")


async def test_a_publish_without_acknowledgement_goes_to_the_spool(tmp_path: Path) -> None:
    metrics = IngestMetrics()
    spool = Spool(tmp_path, 1 << 30, metrics)
    port = KafkaFirst(spool, cast("Publisher", Silent()), metrics)
    await port.start()
    try:
        async with asyncio.timeout(20):
            await port.persist(record(1), asyncio.get_running_loop().time() + 1.5)
        assert [entry.record for entry in await spool.next_batch(0, 10, 1 << 20)] == [record(1)]
    finally:
        await port.close()
