"""What the tests of whole groups share: members as processes, a stream without an end, the laws that hold after it."""

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
from tests.support.projections.offset_log import applied, by_stale_owners, tile
from tests.support.webhooks.builders import encode, message_sent

PARTITIONS = 12
ROUND_SECONDS = 0.02
LONG = os.environ.get("LEDGER_LONG") == "1"
in_the_long_run = pytest.mark.skipif(not LONG, reason="takes long; LEDGER_LONG=1 runs it")
OWNERS = "select coalesce(array_agg(distinct owner), '{}') from telnyx.projection_offsets where topic = $1"
POSITIONS = "select coalesce(sum(next_offset), 0)::bigint from telnyx.projection_offsets where topic = $1"
EACH_POSITION = """
select coalesce(array_agg(next_offset order by partition), '{}') from telnyx.projection_offsets where topic = $1
"""

Headers = list[tuple[str, bytes]]
Records = Callable[[int, int], tuple[bytes, Headers]]


def plain(number: int, partition: int) -> tuple[bytes, Headers]:
    """Enough for who only moves offsets."""
    return b'{"data":{"n":%d,"partition":%d}}' % (number, partition), []


def signed(number: int, partition: int) -> tuple[bytes, Headers]:
    """A webhook that no other record of the stream is a delivery of."""
    record = signed_record(Topics("unused"), encode(message_sent(f"stream-{partition}-{number}")))
    return record.value, list(record.headers)


class Stream:
    """Records for all partitions of one topic, one after the other, as long as it lasts."""

    def __init__(self, producer: AIOKafkaProducer, topic: str, records: Records) -> None:
        self.counts = [0] * PARTITIONS
        self._producer = producer
        self._topic = topic
        self._records = records

    async def flow(self) -> None:
        while True:
            for partition in range(PARTITIONS):
                value, headers = self._records(self.counts[partition], partition)
                await self._producer.send_and_wait(self._topic, value, partition=partition, headers=headers)
                self.counts[partition] += 1
            await asyncio.sleep(ROUND_SECONDS)


@asynccontextmanager
async def flowing(settings: ProjectSettings, records: Records = plain) -> AsyncIterator[Stream]:
    """A stream of records during the block; `counts` are final after it."""
    async with producing(settings.kafka_bootstrap_servers) as producer:
        stream = Stream(producer, Topics(settings.ledger_topic_prefix).messages, records)
        task = asyncio.create_task(stream.flow())
        try:
            yield stream
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def all_is_applied_once(
    connection: asyncpg.Connection, topic: str, counts: list[int], *, timeout_seconds: float = 30
) -> int:
    """Every log is tiled, and by nobody who did not hold it. Gives the number of records.

    A record whose acknowledgement was cut off may be there or not: up to one more a partition.
    """
    positions = await eventually(
        lambda: connection.fetchval(EACH_POSITION, topic),
        lambda seen: len(seen) == PARTITIONS and all(one >= count for one, count in zip(seen, counts, strict=True)),
        timeout_seconds=timeout_seconds,
    )
    for partition in range(PARTITIONS):
        intervals = await applied(connection, topic, partition)
        assert tile(intervals, intervals[-1][1]), (partition, intervals)
    assert await by_stale_owners(connection) == []
    return sum(positions)


async def owners(connection: asyncpg.Connection, topic: str) -> set[str]:
    """Who holds the partitions of a topic."""
    return set(await connection.fetchval(OWNERS, topic))


@asynccontextmanager
async def process(settings: ProjectSettings, kind: str = "journalist") -> AsyncIterator[asyncio.subprocess.Process]:
    """A member as a process of its own, killed at the end."""
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


def name_of(pid: int, names: set[str]) -> str:
    """The owner that this process is: its pid stands in its name."""
    return next(name for name in names if name.split(":")[-2] == str(pid))
