"""Every record for which `persist` returned reaches Kafka after an outage, and Kafka comes first again."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from deploy.local_kafka.broker import LocalKafka
from schemas.errors import Unavailable
from schemas.kafka.topics import Topics
from tests.support.environment.kafka import create_topics, settings_for
from tests.support.environment.waiting import eventually, until
from tests.support.ingest.durable_port import RecordedPort, in_kafka, record, running


async def under_load(recorded: RecordedPort, topic: str, fault: Callable[[], Awaitable[None]]) -> None:
    """Run `fault` while eight clients send, one record after another."""
    over = asyncio.Event()

    async def client(number: int) -> None:
        while not over.is_set():
            await recorded.persist(record(topic, number))
            number += 8

    clients = [asyncio.create_task(client(number)) for number in range(8)]
    try:
        await fault()
    finally:
        over.set()
        await asyncio.gather(*clients)


@pytest.mark.parametrize("fault", ["frozen", "killed"])
async def test_outages_under_load_lose_and_delay_nothing(own_broker: LocalKafka, tmp_path: Path, fault: str) -> None:
    topics = Topics(fault)
    await create_topics(own_broker.bootstrap, topics)
    async with running(settings_for(own_broker, fault), tmp_path) as recorded:

        async def outage() -> None:
            (own_broker.freeze if fault == "frozen" else own_broker.kill)()
            await until(lambda: recorded.port.sink_unavailable, bool)
            await asyncio.sleep(3)  # the length of the fault
            await asyncio.to_thread(own_broker.thaw if fault == "frozen" else own_broker.start)
            await recorded.direct_again()

        await under_load(recorded, topics.messages, outage)
        await recorded.drained()
        before = recorded.published()
        await recorded.persist(record(topics.messages, 9_999_999))
        assert recorded.spool.entries == 0
        assert recorded.published() == before + 1
        assert recorded.slowest_seconds < 1.6
    assert set(recorded.acknowledged) <= set(await in_kafka(own_broker.bootstrap, topics, topics.messages))


async def test_a_late_publish_stays_in_the_spool_until_acknowledged(own_broker: LocalKafka, tmp_path: Path) -> None:
    topics = Topics("late")
    await create_topics(own_broker.bootstrap, topics)
    async with running(settings_for(own_broker, "late"), tmp_path) as recorded:
        await recorded.persist(record(topics.quarantine, 1))
        sent_again: list[float] = []
        for number in range(2, 6):
            own_broker.freeze()
            await recorded.persist(record(topics.quarantine, number), within_seconds=0.5)  # given up after 0.2 s
            assert recorded.spool.entries == 1
            own_broker.thaw()
            await recorded.drained()
            drained = recorded.metrics.registry.get_sample_value("ledger_spool_drained_total") or 0
            sent_again.append(drained - sum(sent_again))
            if sent_again[-1] == 0:
                break
            await recorded.direct_again()
    # Where the drainer comes first, the record is in Kafka twice. In five tries it must not come first each time.
    assert sent_again[-1] == 0
    assert set(await in_kafka(own_broker.bootstrap, topics, topics.quarantine)) == set(recorded.acknowledged)


async def test_a_start_without_kafka_accepts_and_drains_later(own_broker: LocalKafka, tmp_path: Path) -> None:
    topics = Topics("absent")
    settings = settings_for(own_broker, "absent")
    await create_topics(own_broker.bootstrap, topics)
    own_broker.kill()
    async with running(settings, tmp_path) as recorded:
        assert recorded.port.can_accept
        await asyncio.gather(*(recorded.persist(record(topics.messages, number)) for number in range(50)))
        assert recorded.slowest_seconds < 0.5
    async with running(settings, tmp_path) as again:
        assert len(list(again.port.recent_keys())) == 50
        await asyncio.to_thread(own_broker.start)
        await again.drained()
        await again.direct_again()
    assert set(recorded.acknowledged) <= set(await in_kafka(own_broker.bootstrap, topics, topics.messages))


async def test_a_full_spool_without_kafka_refuses_and_recovers(own_broker: LocalKafka, tmp_path: Path) -> None:
    topics = Topics("full")
    await create_topics(own_broker.bootstrap, topics)
    own_broker.kill()
    async with running(settings_for(own_broker, "full"), tmp_path, max_bytes=20_000) as recorded:
        refused = 0
        for number in range(40):
            try:
                await recorded.persist(record(topics.messages, number))
            except Unavailable:
                refused += 1
        assert refused == 40 - len(recorded.acknowledged) > 0
        # The spool has no room for another record of this size.
        assert recorded.spool.bytes > 19_000
        await asyncio.to_thread(own_broker.start)
        await recorded.drained()
        await recorded.direct_again()
        assert recorded.port.can_accept
        await recorded.persist(record(topics.messages, 100))
    assert set(recorded.acknowledged) <= set(await in_kafka(own_broker.bootstrap, topics, topics.messages))


async def test_only_a_partition_without_leader_uses_the_spool(own_brokers: LocalKafka, tmp_path: Path) -> None:
    topics = Topics("leader")
    settings = settings_for(own_brokers, "leader").model_copy(update={"ledger_topic_replication": 1})
    await create_topics(own_brokers.bootstrap, topics)
    async with running(settings, tmp_path) as recorded:
        own_brokers.nodes[1].kill()

        async def some_go_directly() -> float:
            before = recorded.published()
            await recorded.persist(record(topics.messages, len(recorded.acknowledged)))
            return recorded.published() - before

        # Twelve partitions on two brokers: half of the records wait for a leader.
        numbers = itertools.count(1_000)
        for _ in range(5):  # on a busy machine a late publish sends every record to the spool for a moment
            await eventually(some_go_directly, lambda direct: direct == 1 and not recorded.port.sink_unavailable)
            waiting = recorded.spool.entries
            for number in itertools.islice(numbers, 100):
                await recorded.persist(record(topics.messages, number))
            if recorded.spool.entries < waiting + 100:
                break
        assert waiting < recorded.spool.entries < waiting + 100
        await asyncio.to_thread(own_brokers.start)
        await recorded.drained()
        await recorded.direct_again()
        assert recorded.slowest_seconds < 1.6
    assert set(recorded.acknowledged) <= set(await in_kafka(own_brokers.bootstrap, topics, topics.messages))
