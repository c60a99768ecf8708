"""Questions to Kafka that a projector asks beside reading: each ends in time, and none creates a topic."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from projections.engine.offsets import LogBounds

ANSWER_SECONDS = 4.0
# What a client raises when the brokers are away, a part of them is, or they refuse us for now.
KAFKA_ERRORS = (KafkaError, OSError, TimeoutError)


async def cluster_id_of(client_options: Mapping[str, Any]) -> str:
    """The id of the cluster at these addresses. Raises one of KAFKA_ERRORS."""
    async with _admin(client_options) as admin:
        return str((await admin.describe_cluster())["cluster_id"])


async def partitions_of(client_options: Mapping[str, Any], topic: str) -> set[int]:
    """The partitions of a topic, none where there is no such topic. Raises one of KAFKA_ERRORS."""
    async with _admin(client_options) as admin:
        described = await admin.describe_topics()  # of all: asking for one by its name may create it
    return {one["partition"] for found in described if found["topic"] == topic for one in found["partitions"]}


@asynccontextmanager
async def _admin(client_options: Mapping[str, Any]) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**client_options)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await admin.start()
            yield admin
    finally:
        with suppress(TimeoutError):  # a client whose connection died under it has been seen not to end
            async with asyncio.timeout(ANSWER_SECONDS):
                await admin.close()


async def log_bounds(
    consumer: AIOKafkaConsumer, partitions: Collection[TopicPartition]
) -> dict[TopicPartition, LogBounds]:
    """Start and end of each log; one whose leader does not answer is left out. Raises one of KAFKA_ERRORS for none."""
    try:
        return await _bounds(consumer, partitions)
    except KAFKA_ERRORS:
        if len(partitions) == 1:
            raise
    # One partition without a leader fails the question for all of them: ask for each alone.
    answers = await asyncio.gather(*(_bounds(consumer, [one]) for one in partitions), return_exceptions=True)
    failures = [answer for answer in answers if isinstance(answer, BaseException)]
    for failure in failures:
        if len(failures) == len(partitions) or not isinstance(failure, KAFKA_ERRORS):
            raise failure
    return {one: bounds for answer in answers if isinstance(answer, dict) for one, bounds in answer.items()}


async def _bounds(
    consumer: AIOKafkaConsumer, partitions: Collection[TopicPartition]
) -> dict[TopicPartition, LogBounds]:
    async with asyncio.timeout(ANSWER_SECONDS):
        starts = await consumer.beginning_offsets(list(partitions))
        ends = await consumer.end_offsets(list(partitions))
    return {one: LogBounds(starts[one], ends[one]) for one in partitions}
