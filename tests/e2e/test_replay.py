"""`replay` on a running installation: a new consumer gets the published records, and no table changes."""

import re
import signal
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from deploy.local_kafka.broker import LocalKafka
from schemas.kafka.topics import Topics
from tests.oracle import compare
from tests.support.environment.http_sender import WebhookConnection
from tests.support.environment.kafka import create_topics
from tests.support.environment.kafka_mode import ACCOUNT, KafkaMode, kafka_mode
from tests.support.environment.programs import Programs
from tests.support.environment.waiting import eventually
from tests.support.webhooks import builders

MARK = "ledger_replay"


def webhooks() -> list[bytes]:
    """Return webhooks of every family, over five hours. The later deliveries of an event have different bytes."""
    times = [builders.NOON + timedelta(hours=hour) for hour in range(5)]
    found: list[Any] = []
    for hour, at in enumerate(times):
        sent = builders.message_sent(f"m-{hour}", at=at)
        found += [sent, builders.again(sent), builders.message_finalized(f"m-{hour}", at=at)]
        found += [builders.stop_received(f"in-{hour}", at=at), builders.send_refused(f"r-{hour}", at=at)]
        found += [builders.campaign_update(f"c-{hour}", type="VERIFIED", at=at), builders.spend_limit_reached(at=at)]
        found += [builders.unknown_event(at=at), builders.link_clicked(f"m-{hour}", at=at)]
    return [builders.encode(webhook) for webhook in found]


EVENTS = 5 * 8


@pytest.fixture
async def mode(
    programs: Programs, broker: LocalKafka, database_url: str, connection: asyncpg.Connection
) -> AsyncIterator[KafkaMode]:
    """Yield a running installation that has stored and projected the webhooks."""
    async with kafka_mode(programs, bootstrap=broker.bootstrap, database_url=database_url) as (mode, ingest, _):
        async with WebhookConnection(ingest.port) as sender:
            for body in webhooks():
                assert (await sender.webhook(body)).status == 200
        await eventually(
            lambda: connection.fetchval("select count(*) from telnyx.events"), lambda found: found == EVENTS
        )
        yield mode


async def records(bootstrap: str, prefix: str) -> list[ConsumerRecord]:
    """Return every record of the topics."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        topics = Topics(prefix)
        every = [TopicPartition(name, number) for name in topics.all for number in range(topics.partitions[name])]
        consumer.assign(every)
        await consumer.seek_to_beginning(*every)
        ends = await consumer.end_offsets(every)
        found: list[ConsumerRecord] = []
        while len(found) < sum(ends.values()):
            for batch in (await consumer.getmany(timeout_ms=1000)).values():
                found += batch
        return found
    finally:
        await consumer.stop()


def shown(record: ConsumerRecord) -> tuple[object, ...]:
    """Return what a consumer sees of a record, without its offset and the replay header."""
    headers = [(name, value) for name, value in record.headers if name != MARK]
    return record.topic.partition(".")[2], record.partition, record.key, record.value, headers


def mark(record: ConsumerRecord) -> bytes | None:
    return dict(record.headers).get(MARK)


def event_key(record: ConsumerRecord) -> bytes:
    return bytes(dict(record.headers)["ce_id"])


async def as_published(mode: KafkaMode) -> dict[bytes, ConsumerRecord]:
    """Return the records of ingest by event_key."""
    return {event_key(record): record for record in await records(mode.bootstrap, mode.prefix) if not mark(record)}


async def test_a_replay_equals_the_published_records_and_changes_no_table(
    mode: KafkaMode, programs: Programs, connection: asyncpg.Connection
) -> None:
    before = await compare.stored_tables(connection)
    positions = await connection.fetch("select event_key, position, recorded_at from telnyx.events order by 2")
    published = await as_published(mode)
    done = programs.run("replay", environment=mode.environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{EVENTS} events replayed to {mode.prefix}.*, up to position ")

    replayed = [record for record in await records(mode.bootstrap, mode.prefix) if mark(record)]
    assert len(replayed) == EVENTS
    assert {event_key(record): shown(record) for record in replayed} == {
        key: shown(record) for key, record in published.items()
    }
    [began] = {mark(record) for record in replayed}
    assert began is not None
    assert datetime.fromisoformat(began.decode()).utcoffset() == timedelta(0)
    assert dict(replayed[0].headers)["ce_source"] == f"telnyx/{ACCOUNT}".encode()

    async def read_to_the_end() -> int:
        read: int = await connection.fetchval("select sum(next_offset) from telnyx.projection_offsets")
        return read

    await eventually(read_to_the_end, lambda read: read == len(published) + EVENTS)
    assert await compare.stored_tables(connection) == before
    assert await connection.fetch("select event_key, position, recorded_at from telnyx.events order by 2") == positions
    assert await connection.fetchval("select count(*) from telnyx.quarantined_webhooks") == 0


async def test_only_the_selected_events_go_to_a_new_prefix(mode: KafkaMode, programs: Programs) -> None:
    """The interval of occurred_at is half-open: a message.sent occurs 300 ms after noon, a finalized 2 s after noon."""
    prefix = f"{mode.prefix}-new"
    await create_topics(mode.bootstrap, Topics(prefix))
    done = programs.run(
        *("replay", "--since", "2026-03-01 13:00:00.3", "--until", "2026-03-01T16:00:00.300+01:00"),
        *("--type", "message.sent", "--type", "10dlc.*", "--json"),
        environment=mode.environment,
        LEDGER_TOPIC_PREFIX=prefix,
    )
    assert done.returncode == 0, done.stderr
    found = await records(mode.bootstrap, prefix)
    seen = Counter((dict(record.headers)["ce_type"], dict(record.headers)["ce_time"]) for record in found)
    assert seen == {
        (b"message.sent", b"2026-03-01T13:00:00.300000Z"): 1,
        (b"message.sent", b"2026-03-01T14:00:00.300000Z"): 1,
        (b"10dlc.campaign.update", b"2026-03-01T14:00:00Z"): 1,
        (b"10dlc.campaign.update", b"2026-03-01T15:00:00Z"): 1,
    }
    assert '"events": 4' in done.stdout
    published = await as_published(mode)
    assert {event_key(record): shown(record) for record in found} == {
        event_key(record): shown(published[event_key(record)]) for record in found
    }


async def test_an_interrupted_replay_continues_where_it_stopped(mode: KafkaMode, programs: Programs) -> None:
    prefix = f"{mode.prefix}-new"
    await create_topics(mode.bootstrap, Topics(prefix))
    environment = {**mode.environment, "LEDGER_TOPIC_PREFIX": prefix}
    slow = programs.start("replay", "--rate", "2", environment=environment)
    await eventually(lambda: records(mode.bootstrap, prefix), lambda found: len(found) >= 2)
    assert slow.ends(signal.SIGINT) == 1
    interrupted = re.search(
        r"^interrupted: (\d+) events replayed; continue with the same command and `--after (\d+)`$",
        slow.output,
        re.MULTILINE,
    )
    assert interrupted is not None, slow.output
    assert 2 <= int(interrupted[1]) < EVENTS
    done = programs.run("replay", "--after", interrupted[2], environment=environment)
    assert (done.returncode, done.stdout.split()[0]) == (0, str(EVENTS - int(interrupted[1]))), done.stderr
    found = await records(mode.bootstrap, prefix)
    assert {event_key(record) for record in found} == set(await as_published(mode))
    assert len({mark(record) for record in found}) == 2


def test_a_bad_selection_is_refused_with_every_problem(programs: Programs) -> None:
    refused = programs.run("replay", "--since", "yesterday", "--until", "2026-02-30", "--type", "*.sent")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert [line.split()[0] for line in refused.stderr.splitlines()] == ["--since:", "--until:", "--type:"]
    refused = programs.run("replay", "--since", "2026-03-01", "--until", "2026-03-01", KAFKA_BOOTSTRAP_SERVERS="x:1")
    assert (refused.returncode, refused.stderr) == (2, "--since: is not before --until\n")
    refused = programs.run("replay")
    assert (refused.returncode, refused.stderr.split(":")[0]) == (2, "KAFKA_BOOTSTRAP_SERVERS")
