"""Errors that aiokafka does not name: every record is answered, and the producer is replaced."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import NoError

from ingest.kafka import partition_queue
from ingest.kafka import publisher as publisher_module
from ingest.kafka.producer import Producer
from ingest.kafka.publisher import Publisher
from ingest.metrics import IngestMetrics
from schemas.errors import Unavailable
from schemas.kafka.record import Record
from schemas.kafka.sink import Verdict
from schemas.settings import KafkaSettings
from tests.support.environment.waiting import eventually

BROKERS = (0, 1)
TOPIC = "telnyx.messages"


class FakeCluster:
    """One topic with a partition on each broker."""

    def add_listener(self, listener: Callable[[Any], None]) -> None:
        """Metadata never changes."""

    remove_listener = add_listener

    def topics(self) -> set[str]:
        return {TOPIC}

    def partitions_for_topic(self, _topic: str) -> set[int]:
        return set(BROKERS)

    def leader_for_partition(self, place: Any) -> int:
        leader: int = place.partition
        return leader


class FakeClient:
    """Acknowledges everything, except where a broker's entry in `faults` raises or waits."""

    def __init__(self) -> None:
        self.cluster = FakeCluster()
        self.faults: dict[int, Callable[[], Awaitable[None]]] = {}
        self._sync_task = SimpleNamespace(done=lambda: False)

    def force_metadata_update(self) -> None:
        """Nothing to ask."""

    async def close(self) -> None:
        """Nothing to close."""

    async def send(self, broker: int, _request: Any) -> Any:
        await asyncio.sleep(0)
        if broker in self.faults:
            await self.faults[broker]()
        return SimpleNamespace(topics=[(TOPIC, [(broker, NoError.errno)])])


def record(number: int) -> Record:
    return Record(TOPIC, b"%d" % number, b"value", (), str(number))


async def a_bug() -> None:
    raise KeyError("a bug")


async def never() -> None:
    await asyncio.Event().wait()


async def sent(producer: Producer, count: int = 200) -> list[Verdict]:
    verdicts: list[Verdict] = []
    for number in range(count):
        producer.add(producer.queue_of(record(number)), record(number), verdicts.append)
    async with asyncio.timeout(5):
        await producer.finished()
    return verdicts


async def test_an_error_that_nobody_named_answers_every_record_and_breaks_the_producer() -> None:
    client: Any = FakeClient()
    broken: list[str] = []
    producer: Any = Producer(client, IngestMetrics(), broken.append)
    client.faults[1] = a_bug
    verdicts = await sent(producer)
    assert len(verdicts) == 200
    assert {type(verdict) for verdict in verdicts} == {type(None), Unavailable}
    assert broken
    assert not any(queue.sending or queue.waiting for queue in producer._queues.values())


async def test_an_error_while_a_batch_is_built_answers_every_record(monkeypatch: pytest.MonkeyPatch) -> None:
    client: Any = FakeClient()
    broken: list[str] = []
    producer: Any = Producer(client, IngestMetrics(), broken.append)

    def fails(*_: object) -> bool:
        raise ValueError("a bug")

    monkeypatch.setattr(partition_queue, "_appended", fails)
    verdicts = await sent(producer)
    assert [type(verdict) for verdict in verdicts] == [Unavailable] * 200
    assert broken


async def test_a_record_that_cannot_take_its_answer_keeps_it_from_no_other() -> None:
    client: Any = FakeClient()
    verdicts: list[Verdict] = []
    producer: Any = Producer(client, IngestMetrics(), lambda _: None)

    def fails(_: Verdict) -> None:
        raise ValueError("a bug")

    for done in (verdicts.append, fails, verdicts.append):
        producer.add(producer.queue_of(record(1)), record(1), done)
    async with asyncio.timeout(5):
        await producer.finished()
    assert verdicts == [None, None]


@asynccontextmanager
async def started(monkeypatch: pytest.MonkeyPatch, connect: Callable[[], Awaitable[Producer]]) -> AsyncIterator[Any]:
    publisher: Any = Publisher(
        KafkaSettings.model_validate({"kafka_bootstrap_servers": "127.0.0.1:1"}), IngestMetrics()
    )
    monkeypatch.setattr(publisher, "_try_to_connect", connect)
    await publisher.start()
    try:
        yield publisher
    finally:
        await publisher.close(0.1)


async def test_a_request_that_one_broker_never_ends_replaces_the_producer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The acknowledgements of the other broker go on meanwhile."""
    monkeypatch.setattr(publisher_module, "UNANSWERED_SECONDS", 0.5)
    made: list[Producer] = []

    async def connect() -> Producer:
        client: Any = FakeClient()
        if not made:
            client.faults[1] = never
        made.append(Producer(client, IngestMetrics(), lambda _: None))
        return made[-1]

    async with started(monkeypatch, connect) as publisher:
        numbers = {
            broker: next(n for n in range(9) if publisher._producer.queue_of(record(n)).topic_partition[1] == broker)
            for broker in BROKERS
        }
        verdicts: list[Verdict] = []
        publisher.publish(record(numbers[1]), verdicts.append)
        for _ in range(50):
            if len(made) > 1:
                break
            assert await publisher.deliver([record(numbers[0])]) == [None]
            await asyncio.sleep(0.1)
        assert len(made) == 2
        assert [type(verdict) for verdict in verdicts] == [Unavailable]


async def test_an_unexpected_error_while_connecting_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []

    async def connect() -> Producer:
        tries.append(len(tries))
        if len(tries) < 3:
            raise KeyError("unclean.leader.election.enable")
        client: Any = FakeClient()
        return Producer(client, IngestMetrics(), lambda _: None)

    async with started(monkeypatch, connect) as publisher:

        async def connected() -> bool:
            assert not publisher.connecting.done()
            return bool(publisher.connected)

        await eventually(connected, bool)
