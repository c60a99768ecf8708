"""A broken Kafka client is replaced, because aiokafka does not restart an internal task that ended."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
import uvloop
from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.protocol import metadata
from aiokafka.record.memory_records import MemoryRecords

from deploy.local_kafka.broker import LocalKafka
from ingest.kafka import publisher as publisher_module
from ingest.kafka.aiokafka_internals import DefaultRecordBatchBuilder, OwnTopicsRequest
from ingest.kafka.producer import Producer
from ingest.kafka.publisher import Publisher
from ingest.metrics import IngestMetrics
from schemas.errors import Unavailable
from schemas.kafka.record import Record
from schemas.kafka.sink import Verdict
from schemas.kafka.topics import Topics, topic_settings
from schemas.settings import KafkaSettings
from tests.support.environment.kafka import admin, check, delete_topics
from tests.support.environment.waiting import eventually, until

Fault = Callable[[Producer], Awaitable[None]]


@asynccontextmanager
async def publishing(settings: KafkaSettings) -> AsyncIterator[Publisher]:
    publisher = Publisher(settings, IngestMetrics())
    await publisher.start()
    try:
        yield publisher
    finally:
        await publisher.close()


async def replaces_its_client(settings: KafkaSettings, fault: Fault) -> None:
    """After the fault, records are acknowledged over another client."""
    one = Record(f"{settings.ledger_topic_prefix}.other", b"key", b"value", (("ce_id", b"1"),), "1")
    async with publishing(settings) as publisher:
        # A new topic may have no leader yet, and the publisher does not retry.
        await eventually(lambda: publisher.deliver([one]), lambda verdicts: list(verdicts) == [None])
        before = publisher._producer
        assert before is not None
        await fault(before)

        async def published_by_another() -> bool:
            verdicts = await publisher.deliver([one]) if publisher.connected else []
            return list(verdicts) == [None] and publisher._producer is not before

        await eventually(published_by_another, bool)


async def end_metadata_task(producer: Producer) -> None:
    """An error that the task does not expect ends it too."""
    producer.client._sync_task.cancel()


async def fail_to_write(producer: Producer) -> None:
    """uvloop raises this for a connection that has just closed, and aiokafka lets it through."""
    producer.client.send = _closed


async def _closed(*_request: object) -> None:
    raise RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed")


def test_a_client_without_its_metadata_task_is_replaced(kafka_settings: KafkaSettings) -> None:
    uvloop.run(replaces_its_client(kafka_settings, end_metadata_task))


def test_a_client_whose_write_raises_runtime_error_is_replaced(kafka_settings: KafkaSettings) -> None:
    uvloop.run(replaces_its_client(kafka_settings, fail_to_write))


async def test_a_failed_metadata_request_means_that_kafka_does_not_answer(kafka_settings: KafkaSettings) -> None:
    """An error of the request must not end the drainer."""
    async with publishing(kafka_settings) as publisher:
        assert publisher._producer is not None
        assert await publisher.answers()
        publisher._producer.client.fetch_all_metadata = _closed
        assert not await publisher.answers()


async def test_waiting_for_an_idle_producer_ends_without_an_answer(kafka_settings: KafkaSettings) -> None:
    """A frozen broker does not hold up the callers of `wait_for_idle_producer`."""
    one = Record(f"{kafka_settings.ledger_topic_prefix}.other", b"key", b"value", (("ce_id", b"1"),), "1")
    answer = asyncio.Event()
    verdicts: list[Verdict] = []
    async with publishing(kafka_settings) as publisher:
        assert publisher._producer is not None
        send = publisher._producer.client.send

        async def late(*request: object) -> object:
            await answer.wait()
            return await send(*request)

        publisher._producer.client.send = late
        await publisher.wait_for_idle_producer()
        publisher.publish(one, verdicts.append)
        await asyncio.sleep(0)
        await publisher.wait_for_idle_producer()
        assert verdicts == []
        answer.set()
        await eventually(lambda: _of(verdicts), bool)
        await publisher.wait_for_idle_producer()


async def test_the_client_knows_our_own_topics_only(broker: LocalKafka, kafka_settings: KafkaSettings) -> None:
    """The answer about every topic of a large cluster stalls the loop: 0.2 s for 1,000 topics of 12 partitions."""
    topics = Topics(kafka_settings.ledger_topic_prefix)
    foreign = f"{kafka_settings.ledger_topic_prefix}-foreign"
    async with admin(broker.bootstrap) as client:
        check((await client.create_topics([NewTopic(foreign, 1, 1)])).topic_errors)
    async with publishing(kafka_settings) as publisher:
        await until(lambda: publisher.connected, bool)
        assert publisher._producer is not None
        assert publisher._producer.client.cluster.topics() == set(topics.all)
        assert await publisher.answers()
        assert publisher._producer.client.cluster.topics() == set(topics.all)
    await delete_topics(broker.bootstrap, (foreign,))


async def test_the_client_outlives_the_topics_that_it_knows(broker: LocalKafka, kafka_settings: KafkaSettings) -> None:
    """Neither of its requests makes them again."""
    topics = Topics(kafka_settings.ledger_topic_prefix)
    async with publishing(kafka_settings) as publisher:
        await until(lambda: publisher.connected, bool)
        await delete_topics(broker.bootstrap, topics.all)
        await publisher.answers()
        if publisher._producer is not None:
            publisher._producer.client.force_metadata_update()
        await until(lambda: publisher.connected, lambda connected: not connected)
        await asyncio.sleep(0.5)
        async with admin(broker.bootstrap) as client:
            assert set(topics.all).isdisjoint(await client.list_topics())


@pytest.mark.parametrize("version", range(6))
def test_a_metadata_request_creates_no_topic_in_any_version(version: int) -> None:
    struct = getattr(metadata, f"MetadataRequest_v{version}")
    built = OwnTopicsRequest(["telnyx.messages"]).build(struct)
    if version < 4:  # it cannot say so, and asks about all topics
        assert not built.topics
    else:
        assert (built.topics, built.allow_auto_topic_creation) == (["telnyx.messages"], False)


async def test_a_topic_that_was_made_again_is_checked_before_it_is_used(
    broker: LocalKafka, kafka_settings: KafkaSettings
) -> None:
    """Auto-creation, or an operator in a hurry, makes it with one partition."""
    topics = Topics(kafka_settings.ledger_topic_prefix)
    one = Record(topics.messages, b"key", b"value", (("ce_id", b"1"),), "1")
    async with publishing(kafka_settings) as publisher:
        await eventually(lambda: publisher.deliver([one]), lambda verdicts: list(verdicts) == [None])
        producer = publisher._producer
        assert producer is not None
        await delete_topics(broker.bootstrap, (topics.messages,))
        async with admin(broker.bootstrap) as client:
            await eventually(client.list_topics, lambda names: topics.messages not in names)
            check((await client.create_topics([NewTopic(topics.messages, 1, 1)])).topic_errors)
        producer.client.force_metadata_update()
        await until(lambda: publisher.connected, lambda connected: not connected)
        with pytest.raises(Unavailable):
            publisher.publish(one, lambda _: None)


async def test_settings_that_are_weakened_under_way_stop_the_producer(
    broker: LocalKafka, kafka_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher_module, "CHECK_AGAIN_SECONDS", 1.0)
    topics = Topics(kafka_settings.ledger_topic_prefix)
    async with publishing(kafka_settings) as publisher:
        await until(lambda: publisher.connected, bool)
        await set_retention_bytes(broker, topics, "1000000")
        await until(lambda: publisher.connected, lambda connected: not connected)
        await set_retention_bytes(broker, topics, "-1")
        await until(lambda: publisher.connected, bool)


async def set_retention_bytes(broker: LocalKafka, topics: Topics, value: str) -> None:
    settings = topic_settings(1) | {"retention.bytes": value}
    async with admin(broker.bootstrap) as client:
        await client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topics.messages, settings)])


async def _of(found: Sequence[Verdict]) -> Sequence[Verdict]:
    return found


def test_a_batch_is_what_a_consumer_reads() -> None:
    """aiokafka does not document the builder."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, 0, 400)
    headers = [("ce_id", b"1")]
    fitted = [builder.append(number, None, b"key", b"x" * 100, headers) is not None for number in range(3)]
    records = MemoryRecords(bytes(builder.build()))
    batch = records.next_batch()
    assert fitted == [True, True, False]
    assert batch.validate_crc()
    assert [(read.offset, read.key, read.value, list(read.headers)) for read in batch] == [
        (number, b"key", b"x" * 100, headers) for number in range(2)
    ]
