"""A duplicate is found across restarts, and no 2xx depends on Postgres."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.local_kafka.broker import LocalKafka
from tests.support.environment.http_sender import Answer, WebhookConnection
from tests.support.environment.kafka_mode import KafkaMode
from tests.support.environment.postgres_server import Server
from tests.support.environment.programs import Programs
from tests.support.environment.waiting import eventually
from tests.support.sql.connections import fetchval
from tests.support.webhooks.builders import Json, again, encode, message_sent

ACCEPTED_SECONDS = 0.3


def messages(name: str, count: int) -> list[Json]:
    return [message_sent(f"{name}-{number}") for number in range(count)]


async def answers(port: int, webhooks: list[Json]) -> list[Answer]:
    async with WebhookConnection(port) as connection:
        return [await connection.webhook(encode(webhook)) for webhook in webhooks]


def words(found: list[Answer]) -> set[tuple[int, str]]:
    return {(answer.status, answer.json["status"]) for answer in found}


async def records(mode: KafkaMode) -> int:
    """Return the number of records in the topic of messages."""
    partitions = [TopicPartition(mode.topics["messages"], number) for number in range(12)]
    consumer = AIOKafkaConsumer(bootstrap_servers=mode.bootstrap)
    await consumer.start()
    try:
        return sum((await consumer.end_offsets(partitions)).values())
    finally:
        await consumer.stop()


async def stored(database_url: str, count: int) -> None:
    await eventually(lambda: fetchval(database_url, "select count(*) from telnyx.events"), lambda found: found == count)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_after_a_restart_a_stored_event_is_a_duplicate(
    programs: Programs, broker: LocalKafka, database_url: str, number: signal.Signals
) -> None:
    mode = KafkaMode(programs, bootstrap=broker.bootstrap, database_url=database_url)
    mode.prepare()
    ingest, _ = await mode.ingest(), await mode.project()
    webhooks = messages("restart", 20)
    assert words(await answers(ingest.port, webhooks)) == {(200, "accepted")}
    await stored(database_url, 20)
    ingest.program.ends(number)
    # Neither memory nor spool of its own: what it knows, it knows from the event store.
    after = await mode.ingest(spool="another-spool")
    assert words(await answers(after.port, [again(webhook) for webhook in webhooks])) == {(200, "duplicate")}
    assert await records(mode) == 20


@pytest.fixture
async def server(programs: Programs) -> AsyncIterator[Server]:
    """Yield a Postgres of this test alone, which the test may stop and kill."""
    async with Server.started(programs.directory / "own-postgres") as server:
        yield server


@asynccontextmanager
async def frozen(server: Server) -> AsyncIterator[None]:
    server.freeze()
    try:
        yield
    finally:
        server.thaw()


@asynccontextmanager
async def killed(server: Server) -> AsyncIterator[None]:
    await asyncio.to_thread(server.kill)
    try:
        yield
    finally:
        await asyncio.to_thread(server.start)


async def test_without_postgres_a_new_event_is_accepted_within_300_ms_and_projected_later(
    programs: Programs, broker: LocalKafka, server: Server
) -> None:
    mode = KafkaMode(programs, bootstrap=broker.bootstrap, database_url=server.url)
    mode.prepare()
    one, other, project = await mode.ingest(spool="one"), await mode.ingest(spool="other"), await mode.project()
    for number, away in enumerate((frozen, killed), start=1):
        here, there = messages(f"{away.__name__}-here", 30), messages(f"{away.__name__}-there", 1)
        async with away(server):
            await quickly_accepted(one.port, here)
            await quickly_accepted(other.port, there)
        await stored(server.url, 31 * number)
        # The same processes look up again, by themselves: this one knows only from the store what its twin took.
        await eventually(lambda: other.metric("ledger_store_away"), lambda seen: seen == 0)
        assert words(await answers(other.port, here)) == {(200, "duplicate")}
        assert await records(mode) == 31 * number
    assert [served.program.ends(signal.SIGTERM) for served in (one, other, project)] == [0, 0, 0]


async def quickly_accepted(port: int, webhooks: list[Json]) -> None:
    found = await answers(port, webhooks)
    assert words(found) == {(200, "accepted")}
    assert max(answer.seconds for answer in found) < ACCEPTED_SECONDS
