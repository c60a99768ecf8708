"""The event store refuses every change, takes any time, and finds its rows by index."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import product

import asyncpg
import pytest

from tests.support.environment.waiting import eventually
from tests.support.sql.connections import connected
from tests.support.sql.rows import NOON, insert_event, insert_many_events, plan

RELATIONS = ["telnyx.events", "telnyx_partitions.events_traffic", "telnyx_partitions.events_traffic_2026_11"]
CHANGES = ["update {} set account = 'other'", "delete from {}", "truncate {}"]
POSITION = "select position from telnyx.events where position > $1 order by position limit 100"


@pytest.mark.parametrize("change", CHANGES)
async def test_even_a_superuser_cannot_change_a_stored_event(connection: asyncpg.Connection, change: str) -> None:
    await insert_event(connection)
    for role, relation in product(("origin", "replica"), RELATIONS):
        await connection.execute(f"set session_replication_role = {role}")
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="events are append-only evidence"):
            await connection.execute(change.format(relation))
    assert await connection.fetchval("select count(*) from telnyx.events") == 1


async def test_an_upsert_cannot_change_an_event(connection: asyncpg.Connection) -> None:
    row = await insert_event(connection)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        await connection.execute(
            """
            insert into telnyx.events (event_key, account, event_type, retention_class, occurred_at, received_at, body,
                                       signature, signed_timestamp, key_id)
            values ($1, 'other', 't', 'traffic', $2, now(), '', '', '', '')
            on conflict on constraint events_pk do update set account = excluded.account
            """,
            row["event_key"],
            row["occurred_at"],
        )


async def test_every_partition_refuses_to_be_emptied(connection: asyncpg.Connection) -> None:
    """Partitions made later do so too. A TRUNCATE trigger is not inherited; a cloned row trigger must stay on."""
    await connection.execute("select telnyx.ensure_partition('consent', '2031-05-05')")
    rows = await connection.fetch("""
        select c.oid::regclass::text as relation, array_agg(t.tgname || t.tgenabled::text order by t.tgname) as triggers
        from pg_class c left join pg_trigger t on t.tgrelid = c.oid
        where c.relnamespace = 'telnyx_partitions'::regnamespace and c.relkind in ('r', 'p')
          and c.relname not in ('months', 'installed_views')
        group by c.oid
    """)
    assert len(rows) > 15
    assert {tuple(row["triggers"]) for row in rows} == {("events_no_changeA", "events_no_truncateA")}, rows


EDGES = [
    ("1970-01-01T00:00:00+00:00", "events_consent_before_2015"),
    ("2014-12-31T23:59:59.999999+00:00", "events_consent_before_2015"),
    ("2015-01-01T00:00:00+00:00", "events_consent_2015_01"),
    ("2024-02-29T23:59:59.999999+00:00", "events_consent_2024_02"),
    ("2024-03-01T00:00:00+00:00", "events_consent_2024_03"),
    ("2049-12-31T23:59:59.999999+00:00", "events_consent_2049_12"),
    ("2050-01-01T00:00:00+00:00", "events_consent_from_2050"),
    ("2199-12-31T23:59:59.999999+00:00", "events_consent_from_2050"),
]


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "America/Los_Angeles"])
async def test_an_event_of_any_time_lands_in_its_month(connection: asyncpg.Connection, zone: str) -> None:
    await connection.execute(f"set timezone = '{zone}'")
    for at, partition in EDGES:
        when = datetime.fromisoformat(at)
        assert await connection.fetchval("select telnyx.ensure_partition('consent', $1)", when) == partition
        row = await insert_event(connection, retention_class="consent", occurred_at=when)
        stored = "select tableoid::regclass::text, occurred_at from telnyx.events where event_key = $1"
        assert tuple(await connection.fetchrow(stored, row["event_key"])) == (f"telnyx_partitions.{partition}", when)


async def test_a_partition_needs_a_class_and_a_time(connection: asyncpg.Connection) -> None:
    for class_, at in [("gossip", NOON), (None, NOON), ("consent", None)]:
        with pytest.raises(asyncpg.InvalidParameterValueError, match="no partition"):
            await connection.execute("select telnyx.ensure_partition($1, $2)", class_, at)


async def test_many_writers_may_need_one_new_month_at_once(database_url: str) -> None:
    async def write(number: int) -> None:
        async with connected(database_url) as connection:
            for month in range(1, 7):
                await insert_event(connection, occurred_at=datetime(2033, month, 1 + number, tzinfo=UTC))

    await asyncio.wait_for(asyncio.gather(*(write(number) for number in range(8))), 30)
    async with connected(database_url) as connection:
        assert await connection.fetchval("select count(*) from telnyx.events") == 48


@pytest.fixture
async def sessions(database_url: str) -> AsyncIterator[list[asyncpg.Connection]]:
    """Four connections to the database."""
    opened = [await asyncpg.connect(database_url) for _ in range(4)]
    yield opened
    for session in opened:
        await session.close()


async def test_making_a_month_does_not_stop_readers_or_writers(sessions: list[asyncpg.Connection]) -> None:
    maker, other, *_ = sessions
    await insert_event(other)
    async with maker.transaction():
        await maker.execute("select telnyx.ensure_partition('traffic', '2040-01-01')")
        await other.execute("set lock_timeout = '1s'")
        await insert_event(other)
        assert await other.fetchval("select count(*) from telnyx.events") == 2


async def test_a_month_is_marked_after_earlier_readers_have_ended(sessions: list[asyncpg.Connection]) -> None:
    """A session that reads the list of partitions during the ATTACH can keep it and must learn of the month later."""
    maker, reader, *_ = sessions
    ensure = "select telnyx.ensure_partition('traffic', '2045-05-05')"
    mark = "select exists (select from telnyx_partitions.months where name = 'events_traffic_2045_05')"
    async with reader.transaction():
        await reader.fetchval("select count(*) from telnyx.events")
        await maker.execute(ensure)
        showing = asyncio.create_task(maker.execute(ensure))
        await asyncio.sleep(0.3)
        assert not showing.done()
    await asyncio.wait_for(showing, 1)
    assert await maker.fetchval(mark)
    async with reader.transaction():  # no writer waits for a marked month
        await reader.fetchval("select count(*) from telnyx.events")
        await asyncio.wait_for(maker.execute(ensure), 1)


@pytest.mark.parametrize(
    "how",
    [
        "drop table telnyx_partitions.{}",
        "alter table telnyx_partitions.events_traffic detach partition telnyx_partitions.{}",
        "alter table telnyx_partitions.events_traffic detach partition telnyx_partitions.{} concurrently",
    ],
)
async def test_a_month_that_was_given_up_has_a_successor_of_another_name(
    connection: asyncpg.Connection, how: str
) -> None:
    """The mark of the old partition must not count for its successor. It says that the month was given up."""
    ensure = "select telnyx.ensure_partition('traffic', '2047-07-07')"
    marked = "select exists (select from telnyx_partitions.months where name = $1)"
    given_up = "select retention_class, first_at, end_at from telnyx.given_up_months()"
    assert await connection.fetch(given_up) == []
    for name in ("events_traffic_2047_07", "events_traffic_2047_07_2", "events_traffic_2047_07_3"):
        assert await connection.fetchval(ensure) == name
        assert not await connection.fetchval(marked, name)
        for _ in range(2):
            assert await connection.fetchval(ensure) == name
            assert await connection.fetchval(marked, name)
        await insert_event(connection, occurred_at=datetime(2047, 7, 7, tzinfo=UTC))
        await connection.execute(how.format(name))
        july, august = datetime(2047, 7, 1, tzinfo=UTC), datetime(2047, 8, 1, tzinfo=UTC)
        assert {tuple(row) for row in await connection.fetch(given_up)} == {("traffic", july, august)}


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "America/Los_Angeles"])
async def test_the_months_that_were_given_up_have_their_bounds_in_utc(
    connection: asyncpg.Connection, zone: str
) -> None:
    await connection.execute(f"set timezone = '{zone}'")
    for year in (2014, 2031, 2051):
        for _ in range(2):
            await connection.execute(
                "select telnyx.ensure_partition('consent', $1)", datetime(year, 12, 31, 23, tzinfo=UTC)
            )
    for month in ("before_2015", "2031_12", "from_2050"):
        await connection.execute(f"drop table telnyx_partitions.events_consent_{month}")
    found = await connection.fetch(
        "select first_at at time zone 'UTC', end_at at time zone 'UTC' from telnyx.given_up_months() order by 1"
    )
    assert [tuple(row) for row in found] == [
        (datetime.min, datetime(2015, 1, 1)),  # noqa: DTZ001, DTZ901
        (datetime(2031, 12, 1), datetime(2032, 1, 1)),  # noqa: DTZ001
        (datetime(2050, 1, 1), datetime.max),  # noqa: DTZ001, DTZ901
    ]


async def test_writers_that_need_one_month_at_once_share_one_wait(sessions: list[asyncpg.Connection]) -> None:
    """If each writer showed the month separately, each would wait 2 s more for a long reader."""
    reader, *writers = sessions
    ensure = "select telnyx.ensure_partition('traffic', '2046-06-06')"
    async with reader.transaction():
        await reader.fetchval("select count(*) from telnyx.events")
        await writers[0].execute(ensure)
        await asyncio.wait_for(asyncio.gather(*(writer.execute(ensure) for writer in writers)), 3.5)


async def test_a_statement_planned_while_a_month_is_made_sees_the_month_later(
    sessions: list[asyncpg.Connection],
) -> None:
    """Sessions keep plans. Postgres drops a plan when a relation named in its text changes, not for a partition."""
    poller, maker, holder, _ = sessions
    polls = await poller.prepare("select count(*) from telnyx.events")
    async with holder.transaction():  # planning has looked at `consent` before it waits here
        await holder.execute("lock table telnyx_partitions.events_traffic_from_2050 in access exclusive mode")
        planned = asyncio.create_task(polls.fetchval())
        waits = "select exists (select from pg_locks where pid = $1 and not granted)"
        await eventually(lambda: maker.fetchval(waits, poller.get_server_pid()), bool)
        await maker.execute("select telnyx.ensure_partition('consent', '2044-04-04')")
    assert await planned == 0
    await insert_event(maker, retention_class="consent", occurred_at=datetime(2044, 4, 4, tzinfo=UTC))
    assert await polls.fetchval() == 1


async def test_months_ahead_are_made_for_every_class(connection: asyncpg.Connection) -> None:
    assert await connection.fetchval("select telnyx.ensure_partitions('2035-11-30 23:00+00', 3)") == 12
    made = await connection.fetch("""
        select relname from pg_class where relnamespace = 'telnyx_partitions'::regnamespace and relkind = 'r'
          and relname ~ '_203[56]_' order by 1
    """)
    months = ["2035_11", "2035_12", "2036_01", "2036_02"]
    wanted = [f"events_{name}_{month}" for name in ("consent", "registry", "traffic") for month in months]
    assert [row["relname"] for row in made] == wanted


async def test_inserting_a_stored_event_again_changes_nothing(connection: asyncpg.Connection) -> None:
    row = await insert_event(connection)
    again = """
        insert into telnyx.events (event_key, account, event_type, retention_class, occurred_at, received_at, body,
                                   signature, signed_timestamp, key_id)
        values ($1, 'second', 't', 'traffic', $2, now(), '', '', '', '')
        on conflict (retention_class, occurred_at, event_key) do nothing returning event_key
    """
    assert await connection.fetch(again, row["event_key"], row["occurred_at"]) == []
    assert await connection.fetchval("select account from telnyx.events") == "default"


async def test_reading_on_by_position_uses_indexes(connection: asyncpg.Connection) -> None:
    await insert_many_events(connection)
    for start in (0, 8_000):
        seen = await plan(connection, POSITION, start)
        assert "events_consent_" in seen
        assert "Seq Scan" not in seen, seen
        assert "Merge Append" in seen, seen


async def test_looking_up_keys_probes_their_own_partition(connection: asyncpg.Connection) -> None:
    """`offset 0` does this: without it the planner may join and read every partition."""
    await insert_many_events(connection)
    keys = [row["event_key"] for row in await connection.fetch("select event_key from telnyx.events limit 20")]
    times = [await connection.fetchval("select max(occurred_at) from telnyx.events")] * 20
    seen = await plan(
        connection,
        """
        select stored.event_key from unnest($1::text[], $2::timestamptz[], $3::uuid[]) as wanted (class, at, key)
        cross join lateral (select event_key from telnyx.events
          where retention_class = wanted.class and occurred_at = wanted.at and event_key = wanted.key
          offset 0) as stored
        """,
        ["consent"] * 20,
        times,
        keys,
    )
    probed = [line for line in seen.splitlines() if " on events_" in line and "never executed" not in line]
    assert len(probed) == 1, seen
    assert "events_consent" in probed[0]
    assert "Index" in probed[0]


async def test_positions_grow_in_the_order_of_insertion(connection: asyncpg.Connection) -> None:
    keys = [(await insert_event(connection, event_key=uuid.uuid4()))["event_key"] for _ in range(3)]
    rows = await connection.fetch("select event_key from telnyx.events order by position")
    assert [row["event_key"] for row in rows] == keys
