"""Postgres dies during a batch, or the answer to a COMMIT is lost: no event is lost, repeated or a dead letter."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from projections.settings import ProjectSettings
from schemas.kafka.topics import Topics
from schemas.settings import KafkaSettings
from schemas.sql.migrate import migrate
from tests.support.environment.postgres_server import Server
from tests.support.environment.programs import Programs
from tests.support.environment.tcp_proxy import proxied
from tests.support.environment.waiting import eventually
from tests.support.projections.kafka_records import Member, member, project_settings, publish
from tests.support.projections.offset_log import applied, install_offset_log, moves_by_stale_owners, tile
from tests.support.projections.projector_group import PausingProjector, projector
from tests.support.sql.connections import connected
from tests.support.webhooks.builders import Json, message_finalized, message_sent, stop_received

READ = "select coalesce(sum(next_offset), 0)::bigint from telnyx.projection_offsets"


def traffic(name: str, messages: int) -> list[Json]:
    """Two events of each message, and one STOP."""
    people = [f"+1312555{number:04}" for number in range(messages)]
    sent = [message_sent(f"{name}-{number}", person) for number, person in enumerate(people)]
    done = [message_finalized(f"{name}-{number}", person) for number, person in enumerate(people)]
    return [*sent, *done, stop_received(f"{name}-stop", people[0])]


async def everything_is_there_once(connection: asyncpg.Connection, settings: ProjectSettings, events: int) -> None:
    """All of `traffic` is in the tables, each log is tiled, and there is no dead letter."""
    await eventually(lambda: connection.fetchval(READ), lambda seen: seen == events, timeout_seconds=40)
    topics = Topics(settings.ledger_topic_prefix)
    for partition in range(topics.partitions[topics.messages]):
        if intervals := await applied(connection, topics.messages, partition):
            assert tile(intervals, intervals[-1][1])
    assert await moves_by_stale_owners(connection) == []
    assert await connection.fetchval("select count(*) from telnyx.events") == events
    delivered = "select count(*) from telnyx.message_deliveries where status = 'delivered'"
    stops = "select count(*) from telnyx.opt_out_events"
    assert await connection.fetchval(delivered) * 2 + await connection.fetchval(stops) == events
    for table in ("dead_letters", "quarantined_webhooks"):
        assert await connection.fetchval(f"select count(*) from telnyx.{table}") == 0
    assert await connection.fetchval("select count(*) from telnyx.projection_state where status <> 'live'") == 0


@pytest.mark.parametrize("delivered", [True, False], ids=["the answer is lost", "the COMMIT is lost"])
async def test_a_connection_that_breaks_at_a_commit_repeats_and_loses_nothing(
    delivered: bool, kafka_settings: KafkaSettings, database_url: str, connection: asyncpg.Connection
) -> None:
    await install_offset_log(connection)
    async with proxied(database_url) as (proxy, url):
        settings = project_settings(kafka_settings, url)
        async with member(settings, projector(settings, "")) as reader:
            events = await publish(settings, traffic("before", 20))
            await eventually(lambda: connection.fetchval(READ), lambda seen: seen == events)
            for turn in range(3):
                proxy.break_at(b"COMMIT;", delivered=delivered)
                events += await publish(settings, traffic(f"turn-{turn}", 20))
                await eventually(lambda: connection.fetchval(READ), lambda seen, want=events: seen == want)  # type: ignore[misc]
                assert proxy.broke
            await everything_is_there_once(connection, settings, events)
            duplicates = reader.gauge("ledger_projector_events_duplicate_total")
            assert duplicates == 0


async def postgres_is_away(reader: Member) -> float | None:
    return reader.gauge("ledger_projector_away", part="postgres")


@pytest.fixture
async def own_postgres(programs: Programs) -> AsyncIterator[Server]:
    async with Server.started(programs.directory / "postgres") as server:
        await migrate(server.url, lambda _: None)
        yield server


async def test_a_killed_postgres_loses_and_repeats_nothing(kafka_settings: KafkaSettings, own_postgres: Server) -> None:
    settings = project_settings(kafka_settings, own_postgres.url)
    connection = await asyncpg.connect(own_postgres.url)
    await install_offset_log(connection)
    pausing = projector(settings, "", PausingProjector)
    assert isinstance(pausing, PausingProjector)
    async with member(settings, pausing) as reader:
        events = await publish(settings, traffic("before", 20))
        await eventually(lambda: connection.fetchval(READ), lambda seen: seen == events)
        pausing.pause_next_batch()
        events += await publish(settings, traffic("during", 20))
        await asyncio.wait_for(pausing.reached.wait(), 10)
        await asyncio.to_thread(own_postgres.kill)
        pausing.go_on.set()
        await eventually(lambda: postgres_is_away(reader), lambda seen: seen == 1)
        events += await publish(settings, traffic("after", 20))
        await asyncio.to_thread(own_postgres.start)
        async with connected(own_postgres.url) as connection:
            await everything_is_there_once(connection, settings, events)
    assert reader.gauge("ledger_projector_events_duplicate_total") == 0
