"""Fixtures of a real Kafka: one broker for the whole run, brokers of one's own for faults, fresh topics for a test."""

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
    """Without Java or Maven a person sees skips that say so; CI fails, because there it would hide the tests."""
    if problems := missing_programs():
        if os.environ.get("CI") == "true":
            pytest.fail("; ".join(problems))
        pytest.skip("; ".join(problems))


@pytest.fixture(scope="session")
def broker(kafka_programs: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """The shared broker. Never stop, freeze or kill it: that is what `own_broker` is for."""
    yield from started(tmp_path_factory.mktemp("kafka"), brokers=1)


@pytest.fixture
def own_broker(kafka_programs: None, tmp_path: Path) -> Iterator[LocalKafka]:
    """A broker of this test alone (3 s to start, 5 s after a kill): freeze(), thaw(), kill(), start(), stop()."""
    yield from started(tmp_path / "kafka", brokers=1)


@pytest.fixture
def own_brokers(kafka_programs: None, tmp_path: Path) -> Iterator[LocalKafka]:
    """Two brokers of this test alone: nodes[1] can go while nodes[0], which also holds the controller, stays."""
    yield from started(tmp_path / "kafka", brokers=2)


def started(directory: Path, *, brokers: int) -> Iterator[LocalKafka]:
    """A started Kafka, killed at the end, also when it was left frozen."""
    kafka = LocalKafka(directory, brokers=brokers, quick_start=True)
    try:
        kafka.start()
        yield kafka
    finally:
        kafka.kill()


@pytest.fixture
async def topic_prefix(broker: LocalKafka) -> AsyncIterator[str]:
    """A prefix that no other test has, with its four topics made on the shared broker."""
    prefix = f"test-{uuid.uuid4().hex[:12]}"
    await create_topics(broker.bootstrap, Topics(prefix))
    yield prefix
    await delete_topics(broker.bootstrap, Topics(prefix).all)


@pytest.fixture
def kafka_settings(broker: LocalKafka, topic_prefix: str) -> KafkaSettings:
    """How this test's topics are reached."""
    return settings_for(broker, topic_prefix)


def settings_for(kafka: LocalKafka, prefix: str) -> KafkaSettings:
    """Settings of a local Kafka, whatever the environment says."""
    return KafkaSettings.model_validate(
        {
            "kafka_bootstrap_servers": kafka.bootstrap,
            "ledger_topic_prefix": prefix,
            "ledger_topic_replication": len(kafka.nodes),
        }
    )


async def create_topics(bootstrap: str, topics: Topics, *, replication: int = 1, only: str | None = None) -> None:
    """The topics of the contract (or one of them), made by the admin client rather than by the code under test."""
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
    """Remove topics, those that a test has removed already included."""
    async with admin(bootstrap) as client:
        existing = set(await client.list_topics())
        await client.delete_topics([name for name in names if name in existing])


async def limit_records(bootstrap: str, names: Iterable[str], size: int | None = None) -> None:
    """Have topics refuse records above `size` bytes; None: as the contract says again."""
    settings = topic_settings(1) | ({"max.message.bytes": str(size)} if size else {})
    async with admin(bootstrap) as client:
        await client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, settings) for name in names])


@asynccontextmanager
async def admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """A started admin client, closed at the end."""
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


def check(errors: list[tuple[str, int, str | None]]) -> None:
    """Topic errors of an admin answer; raises with all of them."""
    failed = {name: message for name, code, message in errors if code != 0}
    if failed:
        raise RuntimeError(f"Kafka refused: {failed}")
