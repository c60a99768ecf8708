"""KafkaFirst puts a record into Kafka, and into the spool where Kafka is late or refuses it."""

import asyncio
from pathlib import Path

from aiokafka import AIOKafkaProducer
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import MessageSizeTooLargeError

from deploy.local_kafka.broker import LocalKafka
from schemas.kafka.topics import Topics, topic_settings
from schemas.settings import KafkaSettings
from tests.support.environment.kafka import admin
from tests.support.environment.waiting import eventually, until
from tests.support.ingest.durable_port import in_kafka, record, running


async def test_a_record_that_kafka_acknowledges_does_not_reach_the_spool(
    broker: LocalKafka, kafka_settings: KafkaSettings, tmp_path: Path
) -> None:
    topics = Topics(kafka_settings.ledger_topic_prefix)
    async with running(kafka_settings, tmp_path) as recorded:
        await asyncio.gather(*(recorded.persist(record(topics.messages, number)) for number in range(300)))
        assert recorded.metrics.registry.get_sample_value("ledger_spool_written_total") == 0
    assert sorted(await in_kafka(broker.bootstrap, topics, topics.messages)) == sorted(recorded.acknowledged)


async def test_a_refused_record_is_kept_and_the_rest_of_its_batch_arrives_once(
    broker: LocalKafka, kafka_settings: KafkaSettings, tmp_path: Path
) -> None:
    topics = Topics(kafka_settings.ledger_topic_prefix)
    async with running(kafka_settings, tmp_path) as recorded:
        await set_limit(broker.bootstrap, topics.other, 20_000)
        await refused_above(broker.bootstrap, topics.other, 20_000)
        # One key gives one partition and one batch, in which one record is too large.
        sizes = [800] * 5 + [30_000] + [800] * 4
        records = [record(topics.other, number, size, key="one") for number, size in enumerate(sizes)]
        await asyncio.gather(*(recorded.persist(sent) for sent in records))
        await until(lambda: (recorded.spool.refused, recorded.spool.entries), lambda found: found == (1, 0))
        assert not recorded.port.sink_unavailable
        await recorded.persist(record(topics.other, 77, key="one"))
    expected = [sent.event_key for sent in records if len(sent.value) == 800] + [record("", 77).event_key]
    found = await in_kafka(broker.bootstrap, topics, topics.other)
    assert sorted(key for key in found if key != "probe") == sorted(expected)


async def test_a_refused_record_reaches_kafka_once_the_limit_is_raised_and_ingest_restarted(
    broker: LocalKafka, kafka_settings: KafkaSettings, tmp_path: Path
) -> None:
    topics = Topics(kafka_settings.ledger_topic_prefix)
    async with running(kafka_settings, tmp_path) as recorded:
        await set_limit(broker.bootstrap, topics.other, 20_000)
        await refused_above(broker.bootstrap, topics.other, 20_000)
        await recorded.persist(record(topics.other, 1, 30_000))
        await until(lambda: recorded.spool.refused, lambda count: count == 1)
    await set_limit(broker.bootstrap, topics.other, 2 * 1024 * 1024)
    async with running(kafka_settings, tmp_path) as recorded:
        await until(lambda: recorded.spool.entries + recorded.spool.refused, lambda left: left == 0)
    assert record("", 1).event_key in await in_kafka(broker.bootstrap, topics, topics.other)


async def set_limit(bootstrap: str, topic: str, limit_bytes: int) -> None:
    settings = topic_settings(1) | {"max.message.bytes": str(limit_bytes)}  # what is not named is reset
    limit = ConfigResource(ConfigResourceType.TOPIC, topic, settings)
    async with admin(bootstrap) as client:
        await client.alter_configs([limit])


async def refused_above(bootstrap: str, topic: str, limit_bytes: int) -> None:
    """Return when the broker refuses larger records. It takes some until then, with the ce_id `probe`."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()

    async def refused() -> bool:
        try:
            await producer.send_and_wait(topic, b"x" * limit_bytes, headers=[("ce_id", b"probe")])
        except MessageSizeTooLargeError:
            return True
        return False

    try:
        await eventually(refused, bool)
    finally:
        await producer.stop()


async def test_with_little_time_left_a_record_goes_to_the_spool_first(
    broker: LocalKafka, kafka_settings: KafkaSettings, tmp_path: Path
) -> None:
    topics = Topics(kafka_settings.ledger_topic_prefix)
    async with running(kafka_settings, tmp_path) as recorded:
        await recorded.persist(record(topics.messages, 1), within_seconds=0.29)
        assert recorded.metrics.registry.get_sample_value("ledger_spool_written_total") == 1
        await recorded.drained()
    assert await in_kafka(broker.bootstrap, topics, topics.messages) == recorded.acknowledged


async def test_sending_creates_no_topic(broker: LocalKafka, kafka_settings: KafkaSettings, tmp_path: Path) -> None:
    topics = Topics(kafka_settings.ledger_topic_prefix)
    async with running(kafka_settings, tmp_path) as recorded:
        await recorded.persist(record(topics.other, 1))
        async with admin(broker.bootstrap) as client:
            await client.delete_topics([topics.other])
            await eventually(client.list_topics, lambda there: topics.other not in there)
            await recorded.persist(record(topics.other, 2))
            await recorded.persist(record("test-misspelt-topic", 3))
            # The producer is replaced, and waits until the topics are as strong as required again.
            await until(lambda: recorded.publisher.connected, lambda connected: not connected)
            await recorded.persist(record(topics.messages, 4))
            assert recorded.spool.entries >= 2
            assert recorded.port.can_accept
            assert not {topics.other, "test-misspelt-topic"} & set(await client.list_topics())
