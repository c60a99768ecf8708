"""A KafkaFirst that notes its answers, and the records that are in Kafka after it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition

from ingest.durable.kafka_first import KafkaFirst
from ingest.durable.spool import Spool
from ingest.kafka.publisher import Publisher
from ingest.metrics import IngestMetrics
from schemas.kafka.record import Record
from schemas.kafka.topics import Topics
from schemas.settings import KafkaSettings
from tests.support.environment.waiting import until

ROOMY = 1 << 30


def record(topic: str, number: int, size: int = 800, key: str = "") -> Record:
    event_key = f"00000000-0000-0000-0000-{number:012d}"
    return Record(topic, (key or event_key).encode(), b"x" * size, (("ce_id", event_key.encode()),), event_key)


class RecordedPort:
    """A KafkaFirst with its parts. It notes the records that it acknowledged, and its slowest answer."""

    def __init__(self, settings: KafkaSettings, directory: Path, *, max_bytes: int = ROOMY) -> None:
        self.metrics = IngestMetrics()
        self.spool = Spool(directory, max_bytes, self.metrics)
        self.publisher = Publisher(settings, self.metrics)
        self.port = KafkaFirst(self.spool, self.publisher, self.metrics)
        self.acknowledged: list[str] = []
        self.slowest_seconds = 0.0

    async def persist(self, sent: Record, within_seconds: float = 1.5) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            await self.port.persist(sent, began + within_seconds)
            self.acknowledged.append(sent.event_key)
        finally:
            self.slowest_seconds = max(self.slowest_seconds, loop.time() - began)

    def published(self, how: str = "acknowledged") -> float:
        return self.metrics.registry.get_sample_value("ledger_kafka_records_total", {"result": how}) or 0.0

    async def drained(self) -> None:
        await until(lambda: self.spool.entries, lambda left: left == 0, timeout_seconds=40)

    async def direct_again(self) -> None:
        await until(lambda: self.port.sink_unavailable, lambda found: not found, timeout_seconds=40)


@asynccontextmanager
async def running(settings: KafkaSettings, directory: Path, *, max_bytes: int = ROOMY) -> AsyncIterator[RecordedPort]:
    recorded = RecordedPort(settings, directory, max_bytes=max_bytes)
    await recorded.port.start()
    try:
        yield recorded
    finally:
        await recorded.port.close()


async def in_kafka(bootstrap: str, topics: Topics, topic: str) -> list[str]:
    """ce_id of every record of a topic."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        places = [TopicPartition(topic, number) for number in range(topics.partitions[topic])]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        found: list[str] = []
        while any([await consumer.position(place) < ends[place] for place in places]):
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                found += [dict(read.headers)["ce_id"].decode() for read in batch]
        return found
    finally:
        await consumer.stop()
