"""The Kafka sink of operator commands. It uses the publisher of ingest, so records go to the same partitions."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ingest.kafka.publisher import Publisher
from ingest.metrics import IngestMetrics
from schemas.errors import Unavailable
from schemas.settings import KafkaSettings

KAFKA_SECONDS = 15.0


@asynccontextmanager
async def kafka_sink(settings: KafkaSettings) -> AsyncIterator[Publisher]:
    """Yield a connected publisher. Raises Unavailable, and Misconfigured if a topic is missing or too weak."""
    publisher, up = Publisher(settings, IngestMetrics()), asyncio.Event()
    publisher.on_up = up.set
    await publisher.start()
    try:
        try:
            async with asyncio.timeout(KAFKA_SECONDS):
                await up.wait()
        except TimeoutError:
            raise Unavailable(f"Kafka does not answer at {settings.kafka_bootstrap_servers}") from None
        yield publisher
    finally:
        await publisher.close()
