"""An older copy replaces the database under a running projector.

Missing records are read again, or stop their partition where Kafka has deleted them. The projector does not end. On
quiet topics no fence reveals the change.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from aiokafka.admin import RecordsToDelete
from aiokafka.structs import TopicPartition
from structlog.testing import capture_logs

from projections.kafka import membership
from projections.kafka.accept_gap import accept_gap
from schemas.kafka.topics import Topics
from schemas.settings import KafkaSettings
from tests.support.environment.kafka import admin
from tests.support.environment.postgres import PostgresServer
from tests.support.environment.waiting import eventually
from tests.support.projections.kafka_records import Member, member, project_settings, publish
from tests.support.projections.projector_group import projector
from tests.support.sql.connections import connected
from tests.support.webhooks.builders import Json, message_finalized, message_sent, stop_received, unknown_event

QUERIES = {
    "events": "select event_key, received_at, body from telnyx.events",
    "deliveries": "select message_id, recipient, status, sent_at, completed_at, last_event_key"
    " from telnyx.message_deliveries",
    "opt_outs": "select * from telnyx.opt_outs",
    "opt_out_events": "select event_key, phone_number, action from telnyx.opt_out_events",
    "offsets": "select topic, partition, next_offset, last_offset, last_event_key from telnyx.projection_offsets",
}
PEOPLE = [f"+1312555{number:04}" for number in range(30)]
STOPPED = "ledger_projector_partition_stopped"
Picture = dict[str, set[tuple[object, ...]]]


def traffic(name: str) -> list[Json]:
    """Messages to all people, a third of whom then opt out; and events without rows."""
    return [
        *[message_sent(f"{name}-{person}", person) for person in PEOPLE],
        *[stop_received(f"{name}-stop-{person}", person) for person in PEOPLE[::3]],
        *[unknown_event(call=f"{name}-{number}") for number in range(40)],
    ]


@pytest.fixture(autouse=True)
def short_check_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests need not wait for the full interval."""
    monkeypatch.setattr(membership, "CHECK_SECONDS", 1.5)


async def picture(database_url: str) -> Picture:
    """The rows of the tables, read over a short connection: none may stay open here."""
    async with connected(database_url) as connection:
        return {name: {tuple(row) for row in await connection.fetch(query)} for name, query in QUERIES.items()}


async def has_read(database_url: str, records: int) -> None:
    """Wait until this many records were applied, over all partitions."""
    async with connected(database_url) as connection:
        await eventually(
            lambda: connection.fetchval("select sum(next_offset)::bigint from telnyx.projection_offsets"),
            lambda seen: seen == records,
        )


class Copy:
    """An older copy of a database, which can replace it."""

    def __init__(self, server: PostgresServer, name: str) -> None:
        self._server, self._name = server, name
        self._older = server.create(template=name)
        self._newer = f"{name}_replaced"

    async def restore(self, meanwhile: Callable[[], Awaitable[object]]) -> None:
        """Replace the database as an operator does: refuse connections, rename it, rename the copy.

        `meanwhile` runs between the steps.
        """
        async with connected(self._server.admin_url) as administrator:
            await administrator.execute(f"alter database {self._name} allow_connections false")
            await administrator.execute(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1", self._name
            )
            await meanwhile()
            await administrator.execute(f"alter database {self._name} rename to {self._newer}")
            await meanwhile()
            await administrator.execute(f"alter database {self._older} rename to {self._name}")

    def drop(self) -> None:
        for name in (self._older, self._newer):
            self._server.drop(name)


@asynccontextmanager
async def copied(server: PostgresServer, database_url: str) -> AsyncIterator[Copy]:
    """A copy of the database as it is now; no session may be connected to it."""
    copy = await asyncio.to_thread(Copy, server, urlsplit(database_url).path[1:])
    try:
        yield copy
    finally:
        await asyncio.to_thread(copy.drop)


async def test_a_running_projector_reads_again_what_an_older_copy_lacks(
    kafka_settings: KafkaSettings, database_url: str, postgres_server: PostgresServer
) -> None:
    settings = project_settings(kafka_settings, database_url)
    read = await publish(settings, traffic("before"))
    async with member(settings, projector(settings, "")):
        await has_read(database_url, read)
    async with copied(postgres_server, database_url) as copy, member(settings, projector(settings, "")) as reader:
        finished = [message_finalized(f"before-{person}", person) for person in PEOPLE]
        read += await publish(settings, [*traffic("after"), *finished])
        await has_read(database_url, read)
        complete = await picture(database_url)
        turns = iter(range(2))

        async def records_come() -> None:
            nonlocal read
            read += await publish(settings, [unknown_event(call=f"meanwhile-{next(turns)}")])
            await eventually(lambda: is_away(reader), lambda seen: seen == 1)
            await asyncio.sleep(1)  # until the next try

        await copy.restore(records_come)
        assert await picture(database_url) != complete
        await has_read(database_url, read)
        restored = await picture(database_url)
        assert all(restored[name] == complete[name] for name in ("deliveries", "opt_outs", "opt_out_events"))
        assert restored["events"] > complete["events"]
        assert not reader.running.done()


async def test_records_that_an_older_copy_and_kafka_lack_stop_their_partition(
    kafka_settings: KafkaSettings, database_url: str, postgres_server: PostgresServer
) -> None:
    settings = project_settings(kafka_settings, database_url)
    topic = Topics(settings.ledger_topic_prefix).other
    read = await publish(settings, traffic("before"))
    async with member(settings, projector(settings, "")):
        await has_read(database_url, read)
    async with copied(postgres_server, database_url) as copy, member(settings, projector(settings, "")) as reader:
        read += await publish(settings, traffic("after"))
        await has_read(database_url, read)
        complete = await picture(database_url)
        reached = {row[:2]: row[2] for row in complete["offsets"]}
        last = reached[topic, 1]
        assert isinstance(last, int)
        async with admin(settings.kafka_bootstrap_servers) as client:
            await client.delete_records({TopicPartition(topic, 1): RecordsToDelete(last - 1)})
        with capture_logs() as logs:
            await copy.restore(lambda: asyncio.sleep(0.5))
            restored_at = time.monotonic()
            await eventually(lambda: stopped(reader, topic), lambda seen: seen == {"0": 0, "1": 1, "2": 0})
            await eventually(lambda: picture(database_url), lambda seen: seen["deliveries"] == complete["deliveries"])
            print(f"noticed and read again after {time.monotonic() - restored_at:.1f} s")  # noqa: T201
        (command,) = [line["accept_the_gap_with"] for line in logs if line["event"] == "partition_stopped"]
        assert command == f"telnyx-ledger project --accept-gap {topic}:1"
        gap = await accept_gap(database_url, settings, command.split()[-1])
        assert gap.skipped_records == last - 1 - gap.from_offset > 0
        await has_read(database_url, read)
        restored = await picture(database_url)
        assert len(restored["events"]) == len(complete["events"]) - gap.skipped_records
        assert restored | {"events": set()} == complete | {"events": set()}
        await eventually(lambda: stopped(reader, topic), lambda seen: seen == {"0": 0, "1": 0, "2": 0})


async def is_away(reader: Member) -> float | None:
    return reader.gauge("ledger_projector_away", part="postgres")


async def stopped(reader: Member, topic: str) -> dict[str, float | None]:
    return {number: reader.gauge(STOPPED, topic=topic, partition=number) for number in ("0", "1", "2")}
