"""Look-ups in Kafka beside reading: the cluster's id, a topic's partitions, the bounds of logs.

Each ends in time, and none creates a topic.
"""

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
# The errors of a client while all brokers or some are unavailable, or refuse it for now.
KAFKA_ERRORS = (KafkaError, OSError, TimeoutError)


async def cluster_id_of(client_options: Mapping[str, Any]) -> str:
    """The id of the cluster at these addresses. Raises one of KAFKA_ERRORS."""
    async with _admin(client_options) as admin:
        return str((await admin.describe_cluster())["cluster_id"])


async def partitions_of(client_options: Mapping[str, Any], topic: str) -> set[int]:
    """The numbers of a topic's partitions, none for an unknown topic. Raises one of KAFKA_ERRORS."""
    async with _admin(client_options) as admin:
        described = await admin.describe_topics()  # of all: a request for one name may create that topic
    return {item["partition"] for found in described if found["topic"] == topic for item in found["partitions"]}


@asynccontextmanager
async def _admin(client_options: Mapping[str, Any]) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**client_options)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await admin.start()
            yield admin
    finally:
        # close() was seen to hang where the client's connection had died.
        with suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_SECONDS):
                await admin.close()


async def log_bounds(
    consumer: AIOKafkaConsumer, partitions: Collection[TopicPartition]
) -> dict[TopicPartition, LogBounds]:
    """Start and end of each log, without those whose leader does not answer.

    Raises one of KAFKA_ERRORS where no leader answers.
    """
    try:
        return await _bounds(consumer, partitions)
    except KAFKA_ERRORS:
        if len(partitions) == 1:
            raise
    # One partition without a leader fails the request for all of them: ask for each alone.
    requests = (_bounds(consumer, [partition]) for partition in partitions)
    answers = await asyncio.gather(*requests, return_exceptions=True)
    failures = [answer for answer in answers if isinstance(answer, BaseException)]
    for failure in failures:
        if len(failures) == len(partitions) or not isinstance(failure, KAFKA_ERRORS):
            raise failure
    return {partition: log for answer in answers if isinstance(answer, dict) for partition, log in answer.items()}


async def _bounds(
    consumer: AIOKafkaConsumer, partitions: Collection[TopicPartition]
) -> dict[TopicPartition, LogBounds]:
    async with asyncio.timeout(ANSWER_SECONDS):
        starts = await consumer.beginning_offsets(list(partitions))
        ends = await consumer.end_offsets(list(partitions))
    return {partition: LogBounds(starts[partition], ends[partition]) for partition in partitions}
