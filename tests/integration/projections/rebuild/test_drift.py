"""A rebuild names drift by table, key and column and repairs it, and a second look finds none."""

import random
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import projections.rebuild.run
from projections.engine.projector import Projector
from projections.rebuild.drift import Drift
from projections.rebuild.rebuild import check, rebuild
from projections.rebuild.result import RebuildResult
from projections.rebuild.run import rebuild_run
from projections.registry import PROJECTIONS
from tests.oracle import compare
from tests.support.projections.apply import allow_clearing, apply, clear, closing, new_projector
from tests.support.projections.ten_dlc import NUMBER, TELNYX, onboarding
from tests.support.projections.ten_dlc import webhook as ten_dlc_webhook
from tests.support.streams import Webhook, split, streams
from tests.support.webhooks import builders
from tests.support.webhooks.builders import NOON

TABLES = {
    name
    for projection in PROJECTIONS
    for name in (*(table.name for table in projection.tables), *(projection.refold.tables if projection.refold else ()))
}
OTHER_VALUE = {
    "text": "'planted'",
    "boolean": "not coalesce({0}, false)",
    "integer": "coalesce({0}, 0) + 1",
    "smallint": "coalesce({0}, 0) + 1",
    "numeric": "coalesce({0}, 0) + 1",
    "uuid": "gen_random_uuid()",
    "timestamp with time zone": "coalesce({0}, now()) + interval '1 second'",
    "ARRAY": "array['planted']",
    "jsonb": """'["planted"]'""",
}


async def drift(url: str) -> list[Drift]:
    return _all(await check(url, PROJECTIONS))


async def repaired(url: str) -> list[Drift]:
    return _all(await rebuild(url, PROJECTIONS))


def _all(results: list[RebuildResult]) -> list[Drift]:
    assert not any(result.faults for result in results)
    return [difference for result in results for difference in result.drift]


@pytest.fixture
async def projector(database_url: str) -> AsyncIterator[Projector]:
    async with closing(new_projector(database_url)) as opened:
        yield opened


@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(stream=streams(), seed=st.integers(0, 2**32))
async def test_planted_drift_is_found_and_repaired_and_nothing_else_differs(
    projector: Projector, connection: asyncpg.Connection, database_url: str, stream: list[Webhook], seed: int
) -> None:
    await allow_clearing(connection)
    await clear(connection)
    await apply(projector, split(stream, seed))
    assert await drift(database_url) == []
    before = await compare.stored_tables(connection)
    planted = await plant(connection, random.Random(seed))
    found = await drift(database_url)
    assert {(entry.table, entry.kind, key) for entry in found for key in map(_as_text, entry.keys)} == planted
    assert await repaired(database_url) == found
    assert await compare.stored_tables(connection) == before
    assert await drift(database_url) == []


def _as_text(key: dict[str, str]) -> str:
    return ", ".join(key.values())


async def test_missing_rows_are_stored_in_the_order_of_their_events(
    projector: Projector, connection: asyncpg.Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows of a month then share their pages, as after live traffic. The key orders those of one page of events."""
    monkeypatch.setattr(projections.rebuild.run, "PAGE_EVENTS", 10)
    names = [f"m-{number}" for number in random.Random(1).sample(range(1000), 50)]
    for nth, name in enumerate(names):
        sent = builders.message_sent(name, at=NOON + timedelta(minutes=nth))
        await apply(projector, [[Webhook(builders.encode(sent), "a", NOON)]])
    await connection.execute("delete from telnyx.message_deliveries")
    await repaired(database_url)
    stored = await connection.fetch("select message_id from telnyx.message_deliveries order by ctid")
    tens = [sorted(names[first : first + 10]) for first in range(0, 50, 10)]
    assert [row["message_id"] for row in stored] == [name for ten in tens for name in ten]


async def plant(connection: asyncpg.Connection, chance: random.Random) -> set[tuple[str, str, str]]:
    """Plants a wrong, a missing and an extra row in every table that has rows. Gives (table, kind, key)."""
    planted = set()
    for table in sorted(TABLES):
        key = compare.KEYS[table]
        shown = " || ', ' || ".join(f"{name}::text" for name in key)
        columns = {
            row["column_name"]: row["data_type"]
            for row in await connection.fetch(
                """select column_name, data_type from information_schema.columns
                   where table_schema = 'telnyx' and table_name = $1 and is_generated = 'NEVER'""",
                table,
            )
        }
        keys = sorted(row[0] for row in await connection.fetch(f"select {shown} from telnyx.{table}"))
        chance.shuffle(keys)
        free = sorted(columns.keys() - set(key) - {"entity", "action", "basis", "status"})
        for kind, one in zip(("wrong", "missing", "extra"), keys, strict=False):
            name = chance.choice(free)
            last = OTHER_VALUE[columns[key[-1]]].format(f"{key[-1]} + 1000" if key[-1] == "seq" else key[-1])
            statement = {
                "wrong": f"update telnyx.{table} set {name} = {OTHER_VALUE[columns[name]].format(name)}",
                "missing": f"delete from telnyx.{table}",
                "extra": f"insert into telnyx.{table} ({', '.join(columns)}) select"
                f" {', '.join(last if column == key[-1] else column for column in columns)} from telnyx.{table}",
            }[kind]
            where = await connection.fetchval(f"{statement} where {shown} = $1 returning {shown}", one)
            planted.add((table, kind, where))
    return planted


@pytest.mark.parametrize("suspended", [False, True])
async def test_events_between_the_comparison_and_the_lock_are_folded_from_repaired_facts(
    projector: Projector, connection: asyncpg.Connection, database_url: str, suspended: bool
) -> None:
    """The facts are wrong and the folded rows are still right. Then late facts about the same entities arrive."""
    early = [builders.stop_received("in-1", "+13125550101"), *onboarding()]
    late = [
        builders.start_received("in-2", "+13125550101", at=NOON - timedelta(minutes=1)),
        builders.start_received("in-3", "+13125550102"),
        ten_dlc_webhook(-1, campaignId=TELNYX, type="TELNYX_REVIEW", status="ACCEPTED"),
        ten_dlc_webhook(9, campaignId=TELNYX, phoneNumber=NUMBER, type="DELETION", status="SUCCESS"),
    ]
    await apply(projector, [[Webhook(builders.encode(one), "a", NOON) for one in early]])
    await connection.execute("update telnyx.opt_out_events set action = 'help'")
    await connection.execute(
        "update telnyx.ten_dlc_events set campaign_status = 'TCR_FAILED', tcr_id_has_field = false"
    )
    if suspended:
        await connection.execute("update telnyx.projection_state set status = 'suspended'")
    async with rebuild_run(database_url, PROJECTIONS) as run:
        await run.compare()
        await apply(projector, [[Webhook(builders.encode(one), "a", NOON) for one in late]])
        await run.repair()
    assert await drift(database_url) == []
    assert await connection.fetchval("select count(*) from telnyx.opt_outs") == 2
    assert await connection.fetchval("select count(*) from telnyx.campaign_numbers where status = 'UNASSIGNED'") == 1
