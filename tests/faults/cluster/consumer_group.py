"""Shared by tests of consumer groups: members as processes, an endless stream of records, the final check."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer

from projections.settings import ProjectSettings
from schemas.kafka.topics import Topics
from tests.support.environment.waiting import eventually
from tests.support.projections.kafka_records import producing, signed_record
from tests.support.projections.offset_log import applied, moves_by_stale_owners, tile
from tests.support.webhooks.builders import encode, message_sent

PARTITIONS = 12
ROUND_SECONDS = 0.02
LONG = os.environ.get("LONG_TESTS") == "1"
long_run_only = pytest.mark.skipif(not LONG, reason="takes long; LONG_TESTS=1 runs it")
OWNERS = "select coalesce(array_agg(distinct owner), '{}') from telnyx.projection_offsets where topic = $1"
OFFSETS = "select coalesce(sum(next_offset), 0)::bigint from telnyx.projection_offsets where topic = $1"
EACH_OFFSET = """
select coalesce(array_agg(next_offset order by partition), '{}') from telnyx.projection_offsets where topic = $1
"""

Headers = list[tuple[str, bytes]]
Records = Callable[[int, int], tuple[bytes, Headers]]


def plain(number: int, partition: int) -> tuple[bytes, Headers]:
    """A record for members that only move offsets."""
    return b'{"data":{"n":%d,"partition":%d}}' % (number, partition), []


def signed(number: int, partition: int) -> tuple[bytes, Headers]:
    """A signed webhook of an event that no other record of the stream delivers."""
    record = signed_record(Topics("unused"), encode(message_sent(f"stream-{partition}-{number}")))
    return record.value, list(record.headers)


class Stream:
    """Produces records to all partitions of one topic in turn, until it is cancelled."""

    def __init__(self, producer: AIOKafkaProducer, topic: str, records: Records) -> None:
        self.counts = [0] * PARTITIONS
        self._producer = producer
        self._topic = topic
        self._records = records

    async def run(self) -> None:
        while True:
            for partition in range(PARTITIONS):
                value, headers = self._records(self.counts[partition], partition)
                await self._producer.send_and_wait(self._topic, value, partition=partition, headers=headers)
                self.counts[partition] += 1
            await asyncio.sleep(ROUND_SECONDS)


@asynccontextmanager
async def record_stream(settings: ProjectSettings, records: Records = plain) -> AsyncIterator[Stream]:
    """Produces records in the block; `counts` are final after it."""
    async with producing(settings.kafka_bootstrap_servers) as producer:
        stream = Stream(producer, Topics(settings.ledger_topic_prefix).messages, records)
        task = asyncio.create_task(stream.run())
        try:
            yield stream
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def assert_applied_once(
    connection: asyncpg.Connection, topic: str, counts: list[int], *, timeout_seconds: float = 30
) -> int:
    """Each partition was applied without gap or overlap, by its owners only. Gives the number of records.

    A record whose acknowledgement was lost may exist: up to one more per partition.
    """
    offsets = await eventually(
        lambda: connection.fetchval(EACH_OFFSET, topic),
        lambda seen: (
            len(seen) == PARTITIONS and all(offset >= count for offset, count in zip(seen, counts, strict=True))
        ),
        timeout_seconds=timeout_seconds,
    )
    for partition in range(PARTITIONS):
        intervals = await applied(connection, topic, partition)
        assert tile(intervals, intervals[-1][1]), (partition, intervals)
    assert await moves_by_stale_owners(connection) == []
    return sum(offsets)


async def owners(connection: asyncpg.Connection, topic: str) -> set[str]:
    """The owners of the partitions of a topic."""
    return set(await connection.fetchval(OWNERS, topic))


@asynccontextmanager
async def member_process(settings: ProjectSettings, kind: str = "offsets") -> AsyncIterator[asyncio.subprocess.Process]:
    """A member as a separate process, killed at the end."""
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.projections.group_member",
        settings.model_dump_json(),
        kind,
        cwd=Path(__file__).parents[3],
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.wait()


def owner_of_process(pid: int, names: set[str]) -> str:
    """The owner with this process id in its name."""
    return next(name for name in names if name.split(":")[-2] == str(pid))
