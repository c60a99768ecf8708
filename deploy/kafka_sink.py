"""Kafka as operator commands reach it: by the producer of ingest, so that a record lands where ingest would put it."""

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
    """A publisher, connected, to topics as strong as asked. Raises Unavailable, and Misconfigured for weak topics."""
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
