"""Groups of projectors whose members join, leave, die or freeze: every record is applied once."""

import asyncio
import os
import random
import signal
import time
from contextlib import AsyncExitStack
from datetime import datetime

import asyncpg
import pytest

from deploy.local_kafka.broker import LocalKafka
from projections.settings import ProjectSettings
from schemas.kafka.topics import Topics
from schemas.settings import KafkaSettings
from tests.faults.cluster.consumer_group import (
    LONG,
    OFFSETS,
    assert_applied_once,
    long_run_only,
    member_process,
    owner_of_process,
    owners,
    record_stream,
    signed,
)
from tests.support.environment.kafka import create_topics, settings_for
from tests.support.environment.tcp_proxy import proxied
from tests.support.environment.waiting import eventually
from tests.support.projections.kafka_records import Member, member, produce, project_settings
from tests.support.projections.offset_log import applied, install_offset_log, takeover, tile

TAKEOVER_SECONDS = 15.0
# For the locks of a frozen owner: Postgres ends a session that idles in a transaction for 5 s.
BLOCKED_SECONDS = 7.0
STORM_SECONDS = 60 if LONG else 10
BETWEEN_REBALANCES_SECONDS = 2
IN_TRANSACTION = """
select state_change from pg_stat_activity where application_name = left($1, 63) and state = 'idle in transaction'
"""
# The longest pause between intervals of this owner, of those that began soon after a moment.
LONGEST_PAUSE = """
with applied as (
  select at, greatest($2, lag(at, 1, $2) over (order by at)) as before from offset_log
  where not claimed and owner = $1)
select max(at - before) from applied where at > $2 and before < $2 + interval '4 s'
"""


@pytest.fixture
async def settings(kafka_settings: KafkaSettings, database_url: str, connection: asyncpg.Connection) -> ProjectSettings:
    await install_offset_log(connection)
    return project_settings(kafka_settings, database_url)


async def test_owners_change_without_gap_or_overlap(settings: ProjectSettings, connection: asyncpg.Connection) -> None:
    topic = Topics(settings.ledger_topic_prefix).messages
    async with record_stream(settings) as stream:
        first = Member(settings)
        await eventually(lambda: owners(connection, topic), lambda seen: seen == {first.owner})
        second = Member(settings)
        await eventually(lambda: owners(connection, topic), lambda seen: seen == {first.owner, second.owner})
        await first.leave()
        await eventually(lambda: owners(connection, topic), lambda seen: seen == {second.owner})
        third = Member(settings)
        await eventually(lambda: owners(connection, topic), lambda seen: seen == {second.owner, third.owner})
        await second.leave()
        await eventually(lambda: owners(connection, topic), lambda seen: seen == {third.owner})
    await assert_applied_once(connection, topic, stream.counts)
    await third.leave()


async def test_a_killed_and_a_frozen_projector_are_replaced_within_15_s(
    settings: ProjectSettings, connection: asyncpg.Connection
) -> None:
    topic = Topics(settings.ledger_topic_prefix).messages
    async with (
        record_stream(settings, signed) as stream,
        member_process(settings, "projector") as killed,
        member_process(settings, "slow") as sleeper,
        member_process(settings, "projector") as survivor,
    ):
        members = await eventually(lambda: owners(connection, topic), lambda seen: len(seen) == 3)
        sleeping = owner_of_process(sleeper.pid, members)
        await frozen_in_its_transaction(connection, sleeping, sleeper.pid)
        since = await connection.fetchval("select clock_timestamp()")
        killed.kill()
        for gone in (sleeping, owner_of_process(killed.pid, members)):
            await replaced_in_time(connection, topic, gone, since)
        assert await owners(connection, topic) == {owner_of_process(survivor.pid, members)}
        os.kill(sleeper.pid, signal.SIGCONT)
        await eventually(lambda: owners(connection, topic), lambda seen: len(seen) == 2)
        for process in (sleeper, survivor):
            process.terminate()
        assert [await sleeper.wait(), await survivor.wait()] == [0, 0]
    async with member(settings):
        total = await assert_applied_once(connection, topic, stream.counts)
    pause = await connection.fetchval(LONGEST_PAUSE, owner_of_process(survivor.pid, members), since)
    report("blocked", pause.total_seconds())
    assert pause.total_seconds() < BLOCKED_SECONDS
    assert await connection.fetchval("select count(*) from telnyx.dead_letters") == 0
    # The records after the survivors had left were moved past by a member that makes no rows.
    assert total >= await connection.fetchval("select count(*) from telnyx.events") > 0


async def replaced_in_time(connection: asyncpg.Connection, topic: str, owner: str, since: datetime) -> None:
    seconds = await eventually(
        lambda: takeover(connection, topic, owner, since), lambda seen: seen is not None, timeout_seconds=30
    )
    assert seconds is not None
    report("takeover", seconds)
    assert seconds < TAKEOVER_SECONDS


async def frozen_in_its_transaction(connection: asyncpg.Connection, owner: str, pid: int) -> None:
    """Freezes the process while its session holds the locks of a batch."""

    async def caught() -> bool:
        if await connection.fetchval(IN_TRANSACTION, owner) is None:
            return False
        os.kill(pid, signal.SIGSTOP)
        if await connection.fetchval(IN_TRANSACTION, owner) is not None:
            return True
        os.kill(pid, signal.SIGCONT)
        return False

    await eventually(caught, bool)


@long_run_only
async def test_a_sleeper_that_held_no_lock_applies_nothing_stale_when_it_wakes(
    settings: ProjectSettings, connection: asyncpg.Connection
) -> None:
    topic = Topics(settings.ledger_topic_prefix).messages
    async with (
        record_stream(settings) as stream,
        member_process(settings) as sleeper,
        member_process(settings) as survivor,
    ):
        members = await eventually(lambda: owners(connection, topic), lambda seen: len(seen) == 2)
        for _ in range(2):
            since = await connection.fetchval("select clock_timestamp()")
            os.kill(sleeper.pid, signal.SIGSTOP)
            sleeping = owner_of_process(sleeper.pid, members)
            await replaced_in_time(connection, topic, sleeping, since)
            os.kill(sleeper.pid, signal.SIGCONT)
            await eventually(lambda: owners(connection, topic), lambda seen: len(seen) == 2)
        for process in (sleeper, survivor):
            process.terminate()
        assert [await sleeper.wait(), await survivor.wait()] == [0, 0]
    async with member(settings):
        await assert_applied_once(connection, topic, stream.counts)


async def test_rebalances_leave_no_gap_or_overlap(settings: ProjectSettings, connection: asyncpg.Connection) -> None:
    topic, choose = Topics(settings.ledger_topic_prefix).messages, random.Random(4)
    async with record_stream(settings) as stream, AsyncExitStack() as running:
        group = [await running.enter_async_context(member_process(settings)) for _ in range(2)]
        left = []
        await eventually(lambda: owners(connection, topic), lambda seen: len(seen) == 2)
        for _ in range(STORM_SECONDS // BETWEEN_REBALANCES_SECONDS):
            await asyncio.sleep(BETWEEN_REBALANCES_SECONDS)  # the rate of the rebalances
            if len(group) == 1 or (len(group) == 2 and choose.random() < 0.5):
                group.append(await running.enter_async_context(member_process(settings)))
            else:
                left.append(group.pop(0))  # it is a member by now
                left[-1].terminate()
        assert [await process.wait() for process in left] == [0] * len(left)
        since = time.monotonic()
        await assert_applied_once(connection, topic, stream.counts[:])
        report("caught up after the storm", time.monotonic() - since)
    async with member(settings):
        total = await assert_applied_once(connection, topic, stream.counts)
    claims = await connection.fetchval(
        "select count(distinct owner) from offset_log where claimed and topic = $1", topic
    )
    report("records in the storm", total)
    assert claims > 3


async def test_a_rebalance_while_postgres_is_unavailable_skips_and_repeats_nothing(
    settings: ProjectSettings, connection: asyncpg.Connection
) -> None:
    topic = Topics(settings.ledger_topic_prefix).messages
    async with proxied(settings.database_url) as (proxy, url):
        through_proxy = settings.model_copy(update={"database_url": url})
        async with member(through_proxy) as first:
            async with record_stream(settings) as stream:
                await eventually(lambda: connection.fetchval(OFFSETS, topic), lambda seen: bool(seen > 100))
                await proxy.cut()
                async with member(through_proxy) as second:
                    both = {first.owner, second.owner}
                    await eventually(lambda: unavailable([first, second], "postgres"), lambda seen: seen == [1, 1])
                    await proxy.open()
                    await eventually(lambda: owners(connection, topic), lambda seen: seen == both)
                    await eventually(lambda: unavailable([first, second], "postgres"), lambda seen: seen == [0, 0])
            await assert_applied_once(connection, topic, stream.counts)


async def unavailable(members: list[Member], part: str) -> list[float | None]:
    return [member.gauge("ledger_projector_away", part=part) for member in members]


@long_run_only
async def test_a_killed_broker_is_waited_for_and_a_frozen_one_does_not_delay_a_stop(
    own_broker: LocalKafka, database_url: str, connection: asyncpg.Connection
) -> None:
    await install_offset_log(connection)
    topics = Topics("telnyx")
    await create_topics(own_broker.bootstrap, topics)
    settings = project_settings(settings_for(own_broker, "telnyx"), database_url)
    async with member(settings) as one:
        await produce(own_broker.bootstrap, topics.messages, [b"{}"] * 5)
        await eventually(lambda: connection.fetchval(OFFSETS, topics.messages), lambda seen: seen == 5)
        own_broker.kill()
        await eventually(lambda: unavailable([one], "kafka"), lambda seen: seen == [1])
        await asyncio.to_thread(own_broker.start)
        await produce(own_broker.bootstrap, topics.messages, [b"{}"] * 5)
        await eventually(lambda: connection.fetchval(OFFSETS, topics.messages), lambda seen: seen == 10)
        await eventually(lambda: unavailable([one], "kafka"), lambda seen: seen == [0])
        own_broker.freeze()
        asked = time.monotonic()
    assert time.monotonic() - asked < 20
    assert tile(await applied(connection, topics.messages), 10)


def report(what: str, value: float) -> None:
    """Prints a figure, shown by `pytest -s` and with every failure."""
    print(f"{what}: {value:.1f}")  # noqa: T201
