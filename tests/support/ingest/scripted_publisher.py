"""A KafkaFirst before a publisher that does what the test says."""

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
