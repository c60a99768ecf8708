"""What `persist` has returned from is in Kafka at the end, whatever the broker did; then Kafka comes first again."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import MessageSizeTooLargeError

from deploy.kafka.local import LocalKafka
from ingest.metrics import IngestMetrics
from ingest.outbox import Outbox
from ingest.publisher import Publisher
from ingest.spool import Spool
from schemas.errors import Unavailable
from schemas.record import Record
from schemas.settings import KafkaSettings
from schemas.topics import Topics
from tests.kafka import admin, create_topics, settings_for
from tests.waiting import eventually

ROOMY = 1 << 30


def record(topic: str, number: int, size: int = 800, key: str = "") -> Record:
    event_key = f"00000000-0000-0000-0000-{number:012d}"
    return Record(topic, (key or event_key).encode(), b"x" * size, (("ce_id", event_key.encode()),), event_key)


class Receiver:
    """An outbox with its parts, and the record of what it answered."""

    def __init__(self, settings: KafkaSettings, directory: Path, *, max_bytes: int = ROOMY) -> None:
        self.metrics = IngestMetrics()
        self.spool = Spool(directory, max_bytes, self.metrics)
        self.publisher = Publisher(settings, self.metrics)
        self.outbox = Outbox(self.spool, self.metrics, publisher=self.publisher)
        self.acknowledged: list[str] = []
        self.slowest_seconds = 0.0

    async def persist(self, one: Record, within_seconds: float = 1.5) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            await self.outbox.persist(one, began + within_seconds)
            self.acknowledged.append(one.event_key)
        finally:
            self.slowest_seconds = max(self.slowest_seconds, loop.time() - began)

    def published(self, how: str = "acknowledged") -> float:
        return self.metrics.registry.get_sample_value("ledger_kafka_records_total", {"result": how}) or 0.0

    async def drained(self) -> None:
        async def entries() -> int:
            return self.spool.entries

        await eventually(entries, lambda left: left == 0, timeout_seconds=40)

    async def direct_again(self) -> None:
        async def away() -> bool:
            return self.outbox.target_away

        await eventually(away, lambda found: not found, timeout_seconds=40)


@asynccontextmanager
async def running(settings: KafkaSettings, directory: Path, *, max_bytes: int = ROOMY) -> AsyncIterator[Receiver]:
    receiver = Receiver(settings, directory, max_bytes=max_bytes)
    await receiver.outbox.start()
    try:
        yield receiver
    finally:
        await receiver.outbox.close()


async def in_kafka(bootstrap: str, topics: Topics, topic: str) -> list[str]:
    """ce_id of every record of a topic."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        places = [TopicPartition(topic, number) for number in range(topics.partitions[topic])]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        found: list[str] = []
        while any([await consumer.position(place) < ends[place] for place in places]):
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                found += [dict(one.headers)["ce_id"].decode() for one in batch]
        return found
    finally:
        await consumer.stop()


async def under_load(receiver: Receiver, topic: str, fault: Callable[[], Awaitable[None]]) -> None:
    """Eight clients send until the fault is over, one record after another."""
    over = asyncio.Event()

    async def client(number: int) -> None:
        while not over.is_set():
            await receiver.persist(record(topic, number))
            number += 8

    clients = [asyncio.create_task(client(number)) for number in range(8)]
    try:
        await fault()
    finally:
        over.set()
        await asyncio.gather(*clients)


async def test_a_record_that_kafka_takes_never_touches_the_spool(
    broker: LocalKafka, kafka_settings: KafkaSettings, tmp_path: Path
) -> None:
    topics = Topics(kafka_settings.ledger_topic_prefix)
    async with running(kafka_settings, tmp_path) as receiver:
        await asyncio.gather(*(receiver.persist(record(topics.messages, number)) for number in range(300)))
        assert receiver.metrics.registry.get_sample_value("ledger_spool_written_total") == 0
    assert sorted(await in_kafka(broker.bootstrap, topics, topics.messages)) == sorted(receiver.acknowledged)


async def test_a_refused_record_is_parked_and_answered_and_its_neighbours_arrive_once(
    broker: LocalKafka, kafka_settings: KafkaSettings, tmp_path: Path
) -> None:
    topics = Topics(kafka_settings.ledger_topic_prefix)
    async with running(kafka_settings, tmp_path) as receiver:
        await lower_limit(broker.bootstrap, topics.other, 20_000)
        # One key, so one partition and one batch: nine that fit and one that does not.
        sizes = [800] * 5 + [30_000] + [800] * 4
        records = [record(topics.other, number, size, key="one") for number, size in enumerate(sizes)]
        await asyncio.gather(*(receiver.persist(one) for one in records))

        async def parked() -> tuple[int, int]:
            return receiver.spool.refused, receiver.spool.entries

        await eventually(parked, lambda found: found == (1, 0))
        assert not receiver.outbox.target_away
        await receiver.persist(record(topics.other, 77, key="one"))
    expected = [one.event_key for one in records if len(one.value) == 800] + [record("", 77).event_key]
    found = await in_kafka(broker.bootstrap, topics, topics.other)
    assert sorted(key for key in found if key != "probe") == sorted(expected)


async def lower_limit(bootstrap: str, topic: str, limit_bytes: int) -> None:
    """Return when the broker refuses what is larger; until then it takes some, with the ce_id `probe`."""
    limit = ConfigResource(ConfigResourceType.TOPIC, topic, {"max.message.bytes": str(limit_bytes)})
    async with admin(bootstrap) as client:
        await client.alter_configs([limit])
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


async def test_with_little_time_left_a_record_goes_straight_to_the_spool_and_then_to_kafka(
    broker: LocalKafka, kafka_settings: KafkaSettings, tmp_path: Path
) -> None:
    topics = Topics(kafka_settings.ledger_topic_prefix)
    async with running(kafka_settings, tmp_path) as receiver:
        await receiver.persist(record(topics.messages, 1), within_seconds=0.29)
        assert receiver.metrics.registry.get_sample_value("ledger_spool_written_total") == 1
        await receiver.drained()
    assert await in_kafka(broker.bootstrap, topics, topics.messages) == receiver.acknowledged


async def test_frozen_under_load_nothing_is_lost_or_late_and_kafka_comes_first_again(
    own_broker: LocalKafka, tmp_path: Path
) -> None:
    topics = Topics("frozen")
    await create_topics(own_broker.bootstrap, topics)
    async with running(settings_for(own_broker, "frozen"), tmp_path) as receiver:

        async def fault() -> None:
            own_broker.freeze()
            await away(receiver)
            await asyncio.sleep(3)  # the fault itself, not a wait for anything
            own_broker.thaw()
            await receiver.direct_again()

        await under_load(receiver, topics.messages, fault)
        await receiver.drained()
        before = receiver.published()
        await receiver.persist(record(topics.messages, 9_999_999))
        assert receiver.spool.entries == 0
        assert receiver.published() == before + 1
        assert receiver.slowest_seconds < 1.6
    assert set(receiver.acknowledged) <= set(await in_kafka(own_broker.bootstrap, topics, topics.messages))


async def away(receiver: Receiver) -> None:
    async def state() -> bool:
        return receiver.outbox.target_away

    await eventually(state, bool)


async def test_killed_under_load_and_started_again_nothing_is_lost_and_kafka_comes_first_again(
    own_broker: LocalKafka, tmp_path: Path
) -> None:
    topics = Topics("killed")
    await create_topics(own_broker.bootstrap, topics)
    async with running(settings_for(own_broker, "killed"), tmp_path) as receiver:

        async def fault() -> None:
            own_broker.kill()
            await away(receiver)
            await asyncio.to_thread(own_broker.start)
            await receiver.direct_again()

        await under_load(receiver, topics.messages, fault)
        await receiver.drained()
        assert receiver.slowest_seconds < 1.6
    assert set(receiver.acknowledged) <= set(await in_kafka(own_broker.bootstrap, topics, topics.messages))


async def test_a_publish_that_was_given_up_is_in_the_spool_until_its_acknowledgement_comes(
    own_broker: LocalKafka, tmp_path: Path
) -> None:
    topics = Topics("late")
    await create_topics(own_broker.bootstrap, topics)
    async with running(settings_for(own_broker, "late"), tmp_path) as receiver:
        await receiver.persist(record(topics.quarantine, 1))
        sent_again: list[float] = []
        for number in range(2, 6):
            own_broker.freeze()
            await receiver.persist(record(topics.quarantine, number), within_seconds=0.5)  # given up after 0.2 s
            assert receiver.spool.entries == 1
            own_broker.thaw()
            await receiver.drained()
            drained = receiver.metrics.registry.get_sample_value("ledger_spool_drained_total") or 0
            sent_again.append(drained - sum(sent_again))
            if sent_again[-1] == 0:
                break
            await receiver.direct_again()
    # The drainer may come first, and then the record is in Kafka twice; that it always does would be a fault.
    assert sent_again[-1] == 0
    assert set(await in_kafka(own_broker.bootstrap, topics, topics.quarantine)) == set(receiver.acknowledged)


async def test_started_while_kafka_is_away_it_is_able_and_drains_when_kafka_comes(
    own_broker: LocalKafka, tmp_path: Path
) -> None:
    topics = Topics("absent")
    settings = settings_for(own_broker, "absent")
    await create_topics(own_broker.bootstrap, topics)
    own_broker.kill()
    async with running(settings, tmp_path) as receiver:
        assert receiver.outbox.able
        await asyncio.gather(*(receiver.persist(record(topics.messages, number)) for number in range(50)))
        assert receiver.slowest_seconds < 0.5
    async with running(settings, tmp_path) as again:
        assert len(list(again.outbox.recent_keys())) == 50
        await asyncio.to_thread(own_broker.start)
        await again.drained()
        await again.direct_again()
    assert set(receiver.acknowledged) <= set(await in_kafka(own_broker.bootstrap, topics, topics.messages))


async def test_with_a_full_spool_and_kafka_away_it_says_so_and_recovers_by_itself(
    own_broker: LocalKafka, tmp_path: Path
) -> None:
    topics = Topics("full")
    await create_topics(own_broker.bootstrap, topics)
    own_broker.kill()
    async with running(settings_for(own_broker, "full"), tmp_path, max_bytes=20_000) as receiver:
        refused = 0
        for number in range(40):
            try:
                await receiver.persist(record(topics.messages, number))
            except Unavailable:
                refused += 1
        assert refused == 40 - len(receiver.acknowledged) > 0
        # Not able once there is no room for the next; a smaller record might still fit.
        assert receiver.spool.bytes > 19_000
        await asyncio.to_thread(own_broker.start)
        await receiver.drained()
        await receiver.direct_again()
        assert receiver.outbox.able
        await receiver.persist(record(topics.messages, 100))
    assert set(receiver.acknowledged) <= set(await in_kafka(own_broker.bootstrap, topics, topics.messages))


async def test_a_topic_that_was_deleted_is_not_made_again_by_sending_to_it(
    broker: LocalKafka, kafka_settings: KafkaSettings, tmp_path: Path
) -> None:
    topics = Topics(kafka_settings.ledger_topic_prefix)
    async with running(kafka_settings, tmp_path) as receiver:
        await receiver.persist(record(topics.other, 1))
        async with admin(broker.bootstrap) as client:
            await client.delete_topics([topics.other])
            await eventually(client.list_topics, lambda there: topics.other not in there)
            await receiver.persist(record(topics.other, 2))
            await receiver.persist(record("test-misspelt-topic", 3))
            await receiver.persist(record(topics.messages, 4))

            async def left() -> int:
                return receiver.spool.entries

            await eventually(left, lambda entries: entries == 2)
            assert receiver.outbox.able
            assert not {topics.other, "test-misspelt-topic"} & set(await client.list_topics())


async def test_a_partition_without_leader_takes_the_spool_while_the_others_go_to_kafka(
    own_brokers: LocalKafka, tmp_path: Path
) -> None:
    topics = Topics("leader")
    settings = settings_for(own_brokers, "leader").model_copy(update={"ledger_topic_replication": 1})
    await create_topics(own_brokers.bootstrap, topics)
    async with running(settings, tmp_path) as receiver:
        own_brokers.nodes[1].kill()

        async def some_go_directly() -> float:
            before = receiver.published()
            await receiver.persist(record(topics.messages, len(receiver.acknowledged)))
            return receiver.published() - before

        # Twelve partitions on two brokers: half of the records wait for their leader, the other half do not.
        numbers = itertools.count(1_000)
        for _ in range(5):  # on a busy machine a publish may be late, and then all of them go by the spool for a moment
            await eventually(some_go_directly, lambda direct: direct == 1 and not receiver.outbox.target_away)
            waiting = receiver.spool.entries
            for number in itertools.islice(numbers, 100):
                await receiver.persist(record(topics.messages, number))
            if receiver.spool.entries < waiting + 100:
                break
        assert waiting < receiver.spool.entries < waiting + 100
        await asyncio.to_thread(own_brokers.start)
        await receiver.drained()
        await receiver.direct_again()
        assert receiver.slowest_seconds < 1.6
    assert set(receiver.acknowledged) <= set(await in_kafka(own_brokers.bootstrap, topics, topics.messages))
