"""Accepts a gap: the only way to move a stored offset although no record was applied. An operator asks for it."""

from dataclasses import dataclass

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from projections.engine.database import connection_to
from projections.engine.offsets import LogBounds, offset_problem, read_offsets
from projections.kafka.log_bounds import KAFKA_ERRORS, cluster_id_of, log_bounds, partitions_of
from projections.sql import queries
from schemas.errors import Misconfigured, Unavailable
from schemas.settings import KafkaSettings

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class AcceptedGap:
    """The move of one stored offset, and its problem before; None where only the last applied record did not match."""

    partition: str
    from_offset: int
    to_offset: int
    skipped_records: int
    problem: str | None


def parse_partition(name: str) -> TopicPartition:
    """`TOPIC:PARTITION`. Raises Misconfigured."""
    topic, _, number = name.rpartition(":")
    if not topic or not number.isdecimal():
        raise Misconfigured([f"--accept-gap: expected TOPIC:PARTITION, such as telnyx.messages:3, found {name!r}"])
    return TopicPartition(topic, int(number))


async def accept_gap(database_url: str, kafka: KafkaSettings, name: str) -> AcceptedGap:
    """Move the stored offset to the first record that the log holds now. A running projector resumes there.

    Only records that Kafka no longer has are skipped: those that were applied before are duplicates, which change
    nothing. Raises Misconfigured (no such partition, or it has no stored offset) and Unavailable.
    """
    partition = parse_partition(name)
    cluster_id, bounds = await _log(kafka, partition)
    async with connection_to(database_url) as connection:
        stored = (await read_offsets(connection, [partition])).get(partition)
        if stored is None:
            raise Misconfigured([f"--accept-gap: {name} has no stored offset, so there is no gap to accept"])
        await connection.execute(queries("offsets")["accept_gap"], *partition, bounds.start, cluster_id)
    same_log = stored.cluster_id in (None, cluster_id) and stored.next_offset <= bounds.end
    accepted = AcceptedGap(
        partition=name,
        from_offset=stored.next_offset,
        to_offset=bounds.start,
        skipped_records=max(0, bounds.start - stored.next_offset) if same_log else 0,
        problem=offset_problem(stored, bounds, cluster_id),
    )
    log.warning("gap_accepted", partition=name, from_offset=accepted.from_offset, to_offset=accepted.to_offset)
    return accepted


async def _log(kafka: KafkaSettings, partition: TopicPartition) -> tuple[str, LogBounds]:
    options = kafka.client_options()
    try:
        if partition.partition not in await partitions_of(options, partition.topic):
            raise Misconfigured([f"--accept-gap: Kafka has no partition {partition.topic}:{partition.partition}"])
        consumer = AIOKafkaConsumer(**options)
        try:
            await consumer.start()
            bounds = await log_bounds(consumer, [partition])
        finally:
            await consumer.stop()
        return await cluster_id_of(options), bounds[partition]
    except KAFKA_ERRORS as error:
        raise Unavailable(f"kafka: {str(error) or type(error).__name__}") from error
