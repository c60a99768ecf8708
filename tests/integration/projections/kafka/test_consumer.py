"""The consumer with a real Kafka and a real Postgres: which records it reads, and when it stops a partition."""

import asyncio
from collections.abc import Sequence

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import RecordsToDelete
from aiokafka.structs import TopicPartition

from projections.engine.offsets import Advance
from projections.engine.projector import Applied
from projections.kafka.accept_gap import accept_gap
from projections.settings import ProjectSettings
from schemas.errors import Misconfigured, Unavailable
from schemas.kafka.topics import Topics
from schemas.settings import KafkaSettings
from tests.support.environment.kafka import admin, create_topics, delete_topics
from tests.support.environment.waiting import eventually
from tests.support.projections.kafka_records import (
    Member,
    OffsetProjector,
    member,
    produce,
    producing,
    project_settings,
)
from tests.support.projections.offset_log import applied, install_offset_log, stored_offset, tile

REWIND = """
update telnyx.projection_offsets set next_offset = 4, last_offset = null, owner = 'another'
where topic = $1 and partition = 0
"""


@pytest.fixture
async def settings(kafka_settings: KafkaSettings, database_url: str, connection: asyncpg.Connection) -> ProjectSettings:
    await install_offset_log(connection)
    return project_settings(kafka_settings, database_url)


def values(count: int, *, start: int = 0) -> list[bytes]:
    return [b'{"data":{"n":%d}}' % number for number in range(start, start + count)]


async def reaches(connection: asyncpg.Connection, topic: str, offset: int, *, partition: int = 0) -> None:
    await eventually(lambda: stored_offset(connection, topic, partition), lambda seen: seen == offset)


def topics_of(settings: ProjectSettings) -> Topics:
    return Topics(settings.ledger_topic_prefix)


async def stopped(reader: Member, topic: str, partition: int = 0) -> float | None:
    return reader.gauge("ledger_projector_partition_stopped", topic=topic, partition=str(partition))


async def test_a_restart_applies_every_record_once(settings: ProjectSettings, connection: asyncpg.Connection) -> None:
    topics, bootstrap = topics_of(settings), settings.kafka_bootstrap_servers
    await produce(bootstrap, topics.messages, values(1200), partition=3)
    async with member(settings) as reader:
        await reaches(connection, topics.messages, 1200, partition=3)
        assert reader.seen == values(1200)
    await produce(bootstrap, topics.messages, values(10, start=1200), partition=3)
    await produce(bootstrap, topics.quarantine, values(5))
    async with member(settings) as reader:
        await reaches(connection, topics.messages, 1210, partition=3)
        await reaches(connection, topics.quarantine, 5)
        assert sorted(reader.seen) == sorted(values(10, start=1200) + values(5))
    assert tile(await applied(connection, topics.messages, 3), 1210)
    assert tile(await applied(connection, topics.quarantine), 5)


async def test_the_groups_offset_in_kafka_is_ignored(settings: ProjectSettings, connection: asyncpg.Connection) -> None:
    topics, bootstrap = topics_of(settings), settings.kafka_bootstrap_servers
    await produce(bootstrap, topics.other, values(20))
    group = settings.ledger_consumer_group
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False)
    await consumer.start()
    consumer.assign([TopicPartition(topics.other, 0)])
    await consumer.commit({TopicPartition(topics.other, 0): 15})
    await consumer.stop()
    async with member(settings) as reader:
        await reaches(connection, topics.other, 20)
        assert reader.seen == values(20)


async def test_an_error_before_or_after_a_commit_repeats_and_skips_nothing(
    settings: ProjectSettings, connection: asyncpg.Connection
) -> None:
    topics = topics_of(settings)
    projector = InDoubt(settings.database_url, "")
    await produce(settings.kafka_bootstrap_servers, topics.other, values(1500))
    async with member(settings, projector):
        await reaches(connection, topics.other, 1500)
    assert projector.doubts == 4
    assert tile(await applied(connection, topics.other), 1500)


class InDoubt(OffsetProjector):
    """Fails before its first and third commits and after its second and fourth."""

    doubts = 0
    turn = 0

    async def _commit(self, connection: asyncpg.Connection, advances: Sequence[Advance]) -> None:
        self.turn += 1
        if self.turn in (1, 3):
            self.doubts += 1
            raise Unavailable("before")
        await super()._commit(connection, advances)
        if self.turn in (2, 4):
            self.doubts += 1
            raise Unavailable("after")


async def test_a_partition_that_another_process_moved_is_read_from_there(
    settings: ProjectSettings, connection: asyncpg.Connection
) -> None:
    topics, bootstrap = topics_of(settings), settings.kafka_bootstrap_servers
    await produce(bootstrap, topics.other, values(10))
    async with member(settings) as reader:
        await reaches(connection, topics.other, 10)
        await connection.execute(REWIND, topics.other)
        await produce(bootstrap, topics.other, values(1, start=10))
        await reaches(connection, topics.other, 11)
        assert reader.gauge("ledger_projector_fenced_total") == 1
    assert reader.seen == values(10) + values(7, start=4)


async def test_a_projector_bug_ends_the_process(settings: ProjectSettings, connection: asyncpg.Connection) -> None:
    await produce(settings.kafka_bootstrap_servers, topics_of(settings).other, values(1))
    with pytest.raises(KeyError, match="planted"):
        await Member(settings, Broken(settings.database_url, "")).running


class Broken(OffsetProjector):
    """Has a bug."""

    async def commit(self, *_work: object, **_advances: object) -> Applied:
        raise KeyError("planted")


async def test_markers_of_transactions_are_not_a_gap(settings: ProjectSettings, connection: asyncpg.Connection) -> None:
    topics, bootstrap = topics_of(settings), settings.kafka_bootstrap_servers
    async with member(settings) as reader:
        async with producing(bootstrap, transactional_id=settings.ledger_topic_prefix) as producer:
            for number in range(3):
                async with producer.transaction():
                    await producer.send_and_wait(topics.other, values(1, start=number)[0], partition=0)
                await reaches(connection, topics.other, 2 * number + 1)
        assert reader.seen == values(3)
    async with member(settings) as reader:  # its first fetch begins at a marker
        await produce(bootstrap, topics.other, values(1, start=3))
        await reaches(connection, topics.other, 7)
        assert reader.seen == values(1, start=3)


async def test_missing_topics_are_awaited_not_created(
    settings: ProjectSettings, connection: asyncpg.Connection
) -> None:
    topics, bootstrap = topics_of(settings), settings.kafka_bootstrap_servers
    await delete_topics(bootstrap, topics.all)
    async with member(settings):
        await asyncio.sleep(1.5)  # longer than it asks for topics; nothing to await: nothing must happen
        async with admin(bootstrap) as client:
            assert not set(await client.list_topics()) & set(topics.all)
        await create_topics(bootstrap, topics)
        await produce(bootstrap, topics.other, values(3))
        await reaches(connection, topics.other, 3)


async def test_a_recreated_topic_alone_stops_until_the_gap_is_accepted(
    settings: ProjectSettings, connection: asyncpg.Connection
) -> None:
    topics, bootstrap = topics_of(settings), settings.kafka_bootstrap_servers
    await produce(bootstrap, topics.other, values(5))
    async with member(settings):
        await reaches(connection, topics.other, 5)
    await delete_topics(bootstrap, (topics.other,))
    await create_topics(bootstrap, topics, only=topics.other)
    await produce(bootstrap, topics.other, values(9, start=100))  # longer than the stored stored_offset
    async with member(settings) as reader:
        await eventually(lambda: stopped(reader, topics.other), lambda seen: seen == 1)
        await produce(bootstrap, topics.messages, values(2))
        await reaches(connection, topics.messages, 2)
        assert await stored_offset(connection, topics.other) == 5
        gap = await accept_gap(settings.database_url, settings, f"{topics.other}:0")
        assert (gap.from_offset, gap.to_offset) == (5, 0)
        await reaches(connection, topics.other, 9)
        assert await stopped(reader, topics.other) == 0
        assert sorted(reader.seen) == sorted(values(2) + values(9, start=100))


async def test_a_topic_that_is_recreated_under_a_running_projector_stops(
    settings: ProjectSettings, connection: asyncpg.Connection
) -> None:
    topics, bootstrap = topics_of(settings), settings.kafka_bootstrap_servers
    await produce(bootstrap, topics.quarantine, values(5))
    async with member(settings) as reader:
        await reaches(connection, topics.quarantine, 5)
        await delete_topics(bootstrap, (topics.quarantine,))
        await create_topics(bootstrap, topics, only=topics.quarantine)
        await produce(bootstrap, topics.quarantine, values(9, start=100))
        await eventually(lambda: stopped(reader, topics.quarantine), lambda seen: seen == 1)
        assert await stored_offset(connection, topics.quarantine) == 5
        assert reader.seen == values(5)


@pytest.mark.parametrize("where", ["after", "before", "elsewhere"])
async def test_a_stored_offset_that_does_not_fit_the_log_stops_its_partition_alone(
    where: str, settings: ProjectSettings, connection: asyncpg.Connection
) -> None:
    topics, bootstrap = topics_of(settings), settings.kafka_bootstrap_servers
    await produce(bootstrap, topics.other, values(6))
    async with member(settings):
        await reaches(connection, topics.other, 6)
        await reaches(connection, topics.messages, 0)
    change = {
        "after": "update telnyx.projection_offsets set next_offset = 99",
        "before": "update telnyx.projection_offsets set next_offset = 2, last_offset = 1",
        "elsewhere": "update telnyx.projection_offsets set cluster_id = 'another'",
    }[where]
    await connection.execute(change + " where topic = $1 and partition = 0", topics.other)
    if where == "before":
        async with admin(bootstrap) as client:
            await client.delete_records({TopicPartition(topics.other, 0): RecordsToDelete(4)})
    async with member(settings) as reader:
        await eventually(lambda: stopped(reader, topics.other), lambda seen: seen == 1)
        await produce(bootstrap, topics.messages, values(2))
        await reaches(connection, topics.messages, 2)
        assert reader.seen == values(2)


async def test_a_log_whose_applied_part_was_deleted_is_read_from_there(
    settings: ProjectSettings, connection: asyncpg.Connection
) -> None:
    topics, bootstrap = topics_of(settings), settings.kafka_bootstrap_servers
    await produce(bootstrap, topics.other, values(6))
    async with member(settings):
        await reaches(connection, topics.other, 6)
    async with admin(bootstrap) as client:
        await client.delete_records({TopicPartition(topics.other, 0): RecordsToDelete(6)})
    async with member(settings) as reader:
        await produce(bootstrap, topics.other, values(2, start=6))
        await reaches(connection, topics.other, 8)
        assert reader.seen == values(2, start=6)


@pytest.mark.parametrize("name", ["nothing", "telnyx.messages:x", "no.such.topic:0"])
async def test_a_gap_is_accepted_only_for_a_partition_with_an_offset(name: str, settings: ProjectSettings) -> None:
    with pytest.raises(Misconfigured, match="--accept-gap"):
        await accept_gap(settings.database_url, settings, name)
