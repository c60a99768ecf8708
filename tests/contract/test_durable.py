"""The contract of DurablePort, for the fake and for SpoolOnly, so that tests may rely on the fake."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingest.durable.port import DurablePort
from ingest.durable.spool import Spool
from ingest.durable.spool_only import SpoolOnly
from ingest.metrics import IngestMetrics
from schemas.errors import Rejected, Unavailable
from schemas.kafka.record import Delivery, Record, event_record
from schemas.kafka.topics import Topics
from schemas.reading.event import Event, read
from tests.support.ingest.fakes import FakeDurable
from tests.support.webhooks.builders import encode, message_sent


def record(number: int) -> Record:
    body = encode(message_sent(f"m-{number}"))
    event = read(body)
    assert isinstance(event, Event)
    delivery = Delivery(body, bytes(64), "1772366400", "0" * 16, "default", datetime(2026, 3, 1, 12, tzinfo=UTC))
    return event_record(Topics(), event, delivery)


class Subject:
    """A DurablePort, and the way to break it."""

    def __init__(self, durable: DurablePort) -> None:
        self.durable = durable

    async def break_it(self) -> None:
        raise NotImplementedError


class Fake(Subject):
    async def break_it(self) -> None:
        assert isinstance(self.durable, FakeDurable)
        self.durable.can_accept = False


class NoSink:
    """A sink that takes nothing."""

    async def deliver(self, records: Sequence[Record]) -> Sequence[Rejected | Unavailable | None]:  # noqa: ARG002
        raise Unavailable("no sink in this test")


class Real(Subject):
    async def break_it(self) -> None:
        """The spool has no room and the sink is unavailable, so nothing can become durable."""
        number = 1000
        while self.durable.can_accept:
            number += 1
            try:
                await self.durable.persist(record(number), asyncio.get_running_loop().time() + 1)
            except Unavailable:
                break


@pytest.fixture(params=["fake", "port"])
async def subject(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Subject]:
    if request.param == "fake":
        yield Fake(FakeDurable())
        return
    metrics = IngestMetrics()
    port = SpoolOnly(Spool(tmp_path / "spool", 64 * 1024, metrics), NoSink(), metrics)
    await port.start()
    yield Real(port)
    await port.close()


def soon() -> float:
    return asyncio.get_running_loop().time() + 1.5


async def test_a_record_is_kept_when_persist_returns(subject: Subject) -> None:
    assert subject.durable.can_accept
    await subject.durable.persist(record(1), soon())


async def test_many_at_once_are_kept(subject: Subject) -> None:
    await asyncio.gather(*(subject.durable.persist(record(number), soon()) for number in range(10)))


async def test_the_same_record_can_be_persisted_twice(subject: Subject) -> None:
    await subject.durable.persist(record(1), soon())
    await subject.durable.persist(record(1), soon())


async def test_a_port_that_cannot_accept_raises_well_before_the_deadline(subject: Subject) -> None:
    await subject.break_it()
    began = asyncio.get_running_loop().time()
    with pytest.raises(Unavailable):
        await subject.durable.persist(record(1), soon())
    assert asyncio.get_running_loop().time() - began < 1


async def test_a_cancelled_caller_leaves_the_others_their_answer(subject: Subject) -> None:
    tasks = [asyncio.create_task(subject.durable.persist(record(number), soon())) for number in range(3)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    assert [isinstance(found, BaseException) for found in await asyncio.gather(*tasks[1:], return_exceptions=True)] == [
        False,
        False,
    ]


async def test_a_new_port_has_no_recent_keys(subject: Subject) -> None:
    assert list(subject.durable.recent_keys()) == []
