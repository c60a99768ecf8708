"""A Kafka that answers late, and one that comes back: refused entries keep nobody from it, and are tried again."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

from ingest.durable.kafka_first import KafkaFirst
from ingest.durable.spool import Spool
from ingest.kafka.publisher import Publisher
from ingest.metrics import IngestMetrics
from schemas.errors import Rejected, Unavailable
from schemas.kafka.record import Record
from schemas.kafka.sink import Verdict
from tests.support.environment.waiting import eventually
from tests.support.ingest.spool import record


class ScriptedPublisher:
    """A publisher that is connected. It answers no publish while `silent`, and refuses each record while `refusing`."""

    connected = True
    is_fast = True
    on_up: Callable[[], None] = staticmethod(lambda: None)

    def __init__(self) -> None:
        self.silent = self.refusing = False
        self.kept: list[str] = []

    async def start(self) -> None:
        return

    async def close(self, _seconds: float) -> None:
        return

    async def answers(self) -> bool:
        return not self.silent

    def publish(self, sent: Record, settle: Callable[[Verdict], None]) -> None:
        if not self.silent:
            asyncio.get_running_loop().call_soon(settle, self._verdict(sent))

    async def deliver(self, records: Sequence[Record]) -> list[Verdict]:
        if self.silent:
            raise Unavailable("silent")
        return [self._verdict(sent) for sent in records]

    def _verdict(self, sent: Record) -> Verdict:
        if self.refusing:
            return Rejected("message_too_large")
        self.kept.append(sent.event_key)
        return None


@asynccontextmanager
async def running(directory: Path, max_bytes: int = 1 << 30) -> AsyncIterator[tuple[KafkaFirst, ScriptedPublisher]]:
    metrics, publisher = IngestMetrics(), ScriptedPublisher()
    port = KafkaFirst(Spool(directory, max_bytes, metrics), cast("Publisher", publisher), metrics)
    await port.start()
    try:
        yield port, publisher
    finally:
        await port.close()


async def persist(port: KafkaFirst, number: int, within_seconds: float = 0.8) -> bool:
    with contextlib.suppress(Unavailable):
        await port.persist(record(number), asyncio.get_running_loop().time() + within_seconds)
        return True
    return False


async def test_a_spool_full_of_refused_entries_does_not_keep_requests_from_kafka(tmp_path: Path) -> None:
    async with running(tmp_path, max_bytes=10_000) as (port, publisher):
        publisher.refusing = True
        for number in range(10):
            await persist(port, number)

        async def all_refused() -> bool:
            return port.spool.refused > 0 and port.spool.entries == 0

        await eventually(all_refused, bool)
        publisher.refusing, publisher.silent = False, True
        assert not await persist(port, 100)
        assert port.sink_unavailable
        publisher.silent = False

        async def accepted() -> bool:
            return await persist(port, 101)

        await eventually(accepted, bool, timeout_seconds=15)
        assert publisher.kept == [record(101).event_key]


async def test_refused_entries_are_tried_again_when_the_producer_was_rebuilt(tmp_path: Path) -> None:
    async with running(tmp_path) as (port, publisher):
        publisher.refusing = True
        assert await persist(port, 1)

        async def refused() -> int:
            return port.spool.refused

        await eventually(refused, lambda count: count == 1)
        publisher.refusing = False
        publisher.on_up()
        await eventually(refused, lambda count: count == 0)
        await eventually(lambda: kept(publisher), lambda found: found == [record(1).event_key])


async def kept(publisher: ScriptedPublisher) -> list[str]:
    return publisher.kept
