"""What `persist` has returned from is in Kafka at the end, whatever the broker did; then Kafka comes first again."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path

from deploy.local_kafka.broker import LocalKafka
from schemas.errors import Unavailable
from schemas.kafka.topics import Topics
from tests.support.environment.kafka import create_topics, settings_for
from tests.support.environment.waiting import eventually
from tests.support.ingest.durable_port import Receiver, in_kafka, record, running


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
        return receiver.port.sink_unavailable

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
        assert receiver.port.can_accept
        await asyncio.gather(*(receiver.persist(record(topics.messages, number)) for number in range(50)))
        assert receiver.slowest_seconds < 0.5
    async with running(settings, tmp_path) as again:
        assert len(list(again.port.recent_keys())) == 50
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
        assert receiver.port.can_accept
        await receiver.persist(record(topics.messages, 100))
    assert set(receiver.acknowledged) <= set(await in_kafka(own_broker.bootstrap, topics, topics.messages))


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
            await eventually(some_go_directly, lambda direct: direct == 1 and not receiver.port.sink_unavailable)
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
