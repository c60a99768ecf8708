"""A projection with a bug in a group of two is suspended alone; a rebuild completes its tables.

And the setting that switches the second verification off.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from projections.engine.projection_status import watch
from projections.rebuild.rebuild import rebuild
from projections.registry import PROJECTIONS
from projections.settings import ProjectSettings
from projections.tables.deliveries import DELIVERIES
from schemas.kafka.topics import Topics
from schemas.settings import KafkaSettings
from tests.support.environment.programs import Programs
from tests.support.environment.waiting import eventually
from tests.support.projections.kafka_records import Member, member, project_settings, publish
from tests.support.projections.offset_log import applied, install_offset_log, moves_by_stale_owners, tile
from tests.support.projections.projector_group import WITH_A_BUG, projector
from tests.support.webhooks.builders import OTHER_KEY, message_received, message_sent, stop_received, unknown_event

READ = "select coalesce(sum(next_offset), 0)::bigint from telnyx.projection_offsets"
STATES = "select array_agg(name order by name) from telnyx.projection_state where status = $1"
LIVE = "ledger_projection_live"
GOOD = [message_sent(f"good-{number}") for number in range(60)]
BAD = [message_sent(f"bad-{number}") for number in range(60)]
STOPS = [stop_received(f"stop-{number}", f"+1312555{number:04}") for number in range(30)]


async def count(connection: asyncpg.Connection, table: str) -> int:
    return int(await connection.fetchval(f"select count(*) from telnyx.{table}"))


async def are_read(connection: asyncpg.Connection, records: int) -> None:
    await eventually(lambda: connection.fetchval(READ), lambda seen: seen == records)


async def live(one: Member, name: str) -> float | None:
    return one.gauge(LIVE, projection=name)


@asynccontextmanager
async def watching(settings: ProjectSettings, one: Member) -> AsyncIterator[None]:
    """A member whose metrics show which projections are live, as those of `project` do."""
    async with asyncio.TaskGroup() as tasks:
        shown = tasks.create_task(watch(settings.database_url, one.metrics, projections=PROJECTIONS, every_seconds=0.2))
        yield
        shown.cancel()


async def test_a_projection_with_a_bug_is_suspended_alone_and_is_complete_after_its_rebuild(
    kafka_settings: KafkaSettings, database_url: str, connection: asyncpg.Connection
) -> None:
    await install_offset_log(connection)
    settings = project_settings(kafka_settings, database_url)
    first, second = [projector(settings, "", projections=WITH_A_BUG) for _ in range(2)]
    async with member(settings, first) as one, member(settings, second) as two, watching(settings, one):
        await both_hold_partitions(connection, one, two)
        read = await publish(settings, [event for some in zip(GOOD, BAD, strict=True) for event in some] + STOPS)
        await are_read(connection, read)
        assert await connection.fetchval(STATES, "suspended") == ["deliveries"]
        assert await count(connection, "events") == read
        assert await count(connection, "opt_outs") == await count(connection, "inbound_messages") == len(STOPS)
        letters = await connection.fetch("select distinct projection, error_class from telnyx.dead_letters")
        assert [tuple(row) for row in letters] == [("deliveries", "ZeroDivisionError")]
        assert await count(connection, "dead_letters") < len(BAD)
        await eventually(lambda: live(one, "deliveries"), lambda seen: seen == 0)
        assert await live(one, "opt_outs") == 1
    await every_log_is_tiled(connection, settings)
    async with member(settings, projector(settings, "")) as mended, watching(settings, mended):
        read += await publish(settings, [message_sent("late"), message_received("late-too")])
        await are_read(connection, read)
        assert await count(connection, "inbound_messages") == len(STOPS) + 1
        [done] = await rebuild(database_url, [DELIVERIES])
        assert done.live
        read += await publish(settings, [message_sent("last")])
        await are_read(connection, read)
        assert await count(connection, "message_deliveries") == len(GOOD) + len(BAD) + 2
        assert await connection.fetchval(STATES, "live") == sorted(item.name for item in PROJECTIONS)
        await eventually(lambda: live(mended, "deliveries"), lambda seen: seen == 1)


async def both_hold_partitions(connection: asyncpg.Connection, one: Member, two: Member) -> None:
    owners = "select coalesce(array_agg(distinct owner order by owner), '{}') from telnyx.projection_offsets"
    await eventually(lambda: connection.fetchval(owners), lambda seen: seen == sorted([one.owner, two.owner]))


async def every_log_is_tiled(connection: asyncpg.Connection, settings: ProjectSettings) -> None:
    for topic, partitions in Topics(settings.ledger_topic_prefix).partitions.items():
        for partition in range(partitions):
            intervals = await applied(connection, topic, partition)
            assert tile(intervals, intervals[-1][1] if intervals else 0)
    assert await moves_by_stale_owners(connection) == []


async def test_an_unverified_event_is_stored_only_with_verification_off(
    kafka_settings: KafkaSettings, database_url: str, connection: asyncpg.Connection, programs: Programs
) -> None:
    """Runs the program: the setting has to reach the projector."""
    settings = project_settings(kafka_settings, database_url)
    environment = {
        "DATABASE_URL": database_url,
        "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        "LEDGER_TOPIC_PREFIX": settings.ledger_topic_prefix,
        "LEDGER_CONSUMER_GROUP": settings.ledger_consumer_group,
        "LEDGER_PROJECTOR_PORT": "0",
        "TELNYX_PUBLIC_KEYS": settings.telnyx_public_keys,
    }
    stored = {"all": 0, "off": 1}
    read = 0
    for setting, expected in stored.items():
        program = programs.start("project", environment=environment, LEDGER_PROJECT_VERIFY=setting)
        read += await publish(settings, [unknown_event(setting=setting)], key=OTHER_KEY)
        await are_read(connection, read)
        assert await count(connection, "events") == expected
        program.process.terminate()
        assert program.ends() == 0
    assert await count(connection, "quarantined_webhooks") == 1
