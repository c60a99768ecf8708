"""Feeds the projector from Kafka: every record of every partition, in order, each batch in one transaction.

Invariant: only the offsets in Postgres, committed with the rows, say what was applied. After an error during a commit,
a fence, a rebalance or a restart, the consumer seeks to the stored offset.
"""

import asyncio
import os
import secrets
import socket
from contextlib import suppress

from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.range import RangePartitionAssignor

from projections.kafka.log_bounds import KAFKA_ERRORS
from projections.kafka.membership import BatchWriter, GroupMembership
from projections.kafka.outage import Outage
from projections.metrics import ProjectorMetrics
from projections.settings import ProjectSettings

# A frozen owner is expelled after 9 s. The others see that at their next heartbeat and take over: 12 s, of 15 allowed.
# Polls are far apart only while Postgres is unavailable, which is no reason to leave the group.
MEMBERSHIP = {
    "enable_auto_commit": False,
    "auto_offset_reset": "none",
    "session_timeout_ms": 9000,
    "heartbeat_interval_ms": 2000,
    "max_poll_interval_ms": 24 * 60 * 60 * 1000,
    "metadata_max_age_ms": 10_000,  # how long a topic that was made (again) stays unnoticed
    "request_timeout_ms": 15000,  # longer than a rebalance
    "partition_assignment_strategy": (RangePartitionAssignor,),
    "fetch_max_bytes": 16 * 1024 * 1024,
    "fetch_max_wait_ms": 200,
}


def owner_name() -> str:
    """A name for this process alone, new at each start; stored beside the offsets that it holds."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


async def run(
    settings: ProjectSettings, projector: BatchWriter, *, owner: str, metrics: ProjectorMetrics, stop: asyncio.Event
) -> None:
    """Feed the projector until `stop` is set, then return within 20 s. Outages are waited out.

    `owner` is the projector's name. Raises the errors of `commit` other than Unavailable, Misconfigured and Fenced.
    """
    kafka, postgres = Outage("kafka", metrics), Outage("postgres", metrics)
    while not stop.is_set():
        consumer = AIOKafkaConsumer(group_id=settings.ledger_consumer_group, **settings.client_options(), **MEMBERSHIP)
        membership = GroupMembership(
            settings, projector, consumer, owner=owner, metrics=metrics, kafka=kafka, postgres=postgres
        )
        try:
            await membership.run(stop)
        except KAFKA_ERRORS as error:
            await _pause(stop, kafka.failed(error))


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
