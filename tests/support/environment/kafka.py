"""Fixtures of a real Kafka: one broker for the whole run, separate brokers for faults, fresh topics per test."""

import os
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from deploy.local_kafka.broker import LocalKafka
from deploy.local_kafka.jars import missing_programs
from schemas.kafka.topics import Topics, topic_settings
from schemas.settings import KafkaSettings
from tests.support.environment.waiting import eventually


@pytest.fixture(scope="session")
def kafka_programs() -> None:
    """Skip the test without Java or Maven. In CI it fails instead, because a skip would hide it."""
    if problems := missing_programs():
        if os.environ.get("CI") == "true":
            pytest.fail("; ".join(problems))
        pytest.skip("; ".join(problems))


@pytest.fixture(scope="session")
def broker(kafka_programs: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """Yield the shared broker. Never stop, freeze or kill it: use `own_broker` for that."""
    yield from started(tmp_path_factory.mktemp("kafka"), brokers=1)


@pytest.fixture
def own_broker(kafka_programs: None, tmp_path: Path) -> Iterator[LocalKafka]:
    """Yield a broker of this test alone, which it may stop or kill. It starts in 3 s, and in 5 s after a kill."""
    yield from started(tmp_path / "kafka", brokers=1)


@pytest.fixture
def own_brokers(kafka_programs: None, tmp_path: Path) -> Iterator[LocalKafka]:
    """Yield two brokers of this test alone. nodes[0] is also the controller; nodes[1] may stop while nodes[0] runs."""
    yield from started(tmp_path / "kafka", brokers=2)


def started(directory: Path, *, brokers: int) -> Iterator[LocalKafka]:
    """Yield a started Kafka, and kill it at the end, even if it is frozen."""
    kafka = LocalKafka(directory, brokers=brokers, quick_start=True)
    try:
        kafka.start()
        yield kafka
    finally:
        kafka.kill()


@pytest.fixture
async def topic_prefix(broker: LocalKafka) -> AsyncIterator[str]:
    """Yield a prefix of this test alone, with its four topics on the shared broker."""
    prefix = f"test-{uuid.uuid4().hex[:12]}"
    await create_topics(broker.bootstrap, Topics(prefix))
    yield prefix
    await delete_topics(broker.bootstrap, Topics(prefix).all)


@pytest.fixture
def kafka_settings(broker: LocalKafka, topic_prefix: str) -> KafkaSettings:
    """Return the settings of this test's topics."""
    return settings_for(broker, topic_prefix)


def settings_for(kafka: LocalKafka, prefix: str) -> KafkaSettings:
    """Return the settings of a local Kafka, independent of the environment."""
    return KafkaSettings.model_validate(
        {
            "kafka_bootstrap_servers": kafka.bootstrap,
            "ledger_topic_prefix": prefix,
            "ledger_topic_replication": len(kafka.nodes),
        }
    )


async def create_topics(bootstrap: str, topics: Topics, *, replication: int = 1, only: str | None = None) -> None:
    """Make the topics of the contract, or one of them, with the admin client instead of the code under test."""
    wanted = [
        NewTopic(name, partitions, replication, topic_configs=topic_settings(replication))
        for name, partitions in topics.partitions.items()
        if only in (None, name)
    ]
    async with admin(bootstrap) as client:
        check((await client.create_topics(wanted)).topic_errors)
        # The controller has them; the broker that is asked next may not know it yet,
        await eventually(client.list_topics, {topic.name for topic in wanted}.issubset)
    # or know it and not lead them yet: it would refuse a record, which then goes by the spool.
    async with AIOKafkaConsumer(*(one.name for one in wanted), bootstrap_servers=bootstrap) as reader:
        await reader.end_offsets(reader.assignment())


async def delete_topics(bootstrap: str, names: tuple[str, ...]) -> None:
    """Remove the topics that still exist."""
    async with admin(bootstrap) as client:
        existing = set(await client.list_topics())
        await client.delete_topics([name for name in names if name in existing])


async def limit_records(bootstrap: str, names: Iterable[str], size: int | None = None) -> None:
    """Make topics refuse records above `size` bytes; None restores the limit of the contract."""
    settings = topic_settings(1) | ({"max.message.bytes": str(size)} if size else {})
    async with admin(bootstrap) as client:
        await client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, settings) for name in names])


@asynccontextmanager
async def admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """Yield a started admin client, and close it at the end."""
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


def check(errors: list[tuple[str, int, str | None]]) -> None:
    """Raise RuntimeError with every topic error of an admin answer."""
    failed = {name: message for name, code, message in errors if code != 0}
    if failed:
        raise RuntimeError(f"Kafka refused: {failed}")
