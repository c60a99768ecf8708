"""A rebuild keeps the rows of months that were given up, because it cannot compute them again: no opt-out is undone."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from projections.engine.projector import Projector
from projections.rebuild.drift import Drift
from projections.rebuild.origins import ORIGINS
from projections.rebuild.rebuild import check, rebuild
from projections.rebuild.result import RebuildResult
from projections.registry import PROJECTIONS
from tests.oracle import compare
from tests.support.projections.apply import apply, closing, new_projector
from tests.support.projections.ten_dlc import TCR, TELNYX
from tests.support.streams import Webhook
from tests.support.webhooks import builders
from tests.support.webhooks.builders import Json

APRIL = datetime(2026, 4, 15, 12, tzinfo=UTC)
MAY = datetime(2026, 5, 15, 12, tzinfo=UTC)
JUNE = datetime(2026, 6, 15, 12, tzinfo=UTC)
REFUSED, STOPPED = "+13125550101", "+13125550102"


def eventful(name: str, at: datetime) -> list[Json]:
    """Events for every table, all of one month."""
    return [
        builders.send_refused(f"refused-{name}", REFUSED, at=at),
        builders.message_sent(f"sent-{name}", at=at),
        builders.message_finalized(f"sent-{name}", at=at),
        builders.stop_received(f"in-{name}", STOPPED, at=at),
        builders.spend_limit_reached(at=at),
        builders.hosted_order(
            order_id=f"order-{name}", at=at, order_status="pending", numbers=[{"value": REFUSED, "status": "pending"}]
        ),
        builders.toll_free_update(f"tfv-{name}", at=at),
        builders.link_clicked(f"sent-{name}", at=at),
        builders.campaign_update(f"campaign-{name}", at=at, type="TELNYX_REVIEW", status="ACCEPTED"),
        builders.campaign_update(TELNYX, tcrCampaignId=TCR, at=at, type="VERIFIED"),
    ]


@pytest.fixture
async def projector(database_url: str) -> AsyncIterator[Projector]:
    async with closing(new_projector(database_url)) as opened:
        yield opened


async def store(projector: Projector, webhooks: list[Json]) -> None:
    await apply(projector, [[Webhook(builders.encode(webhook), "a", JUNE) for webhook in webhooks]])


async def give_up(connection: asyncpg.Connection, *months: str) -> None:
    for month in months:
        await connection.execute(f"drop table telnyx_partitions.events_{month}")


async def tables(connection: asyncpg.Connection) -> dict[str, Any]:
    stored = await compare.stored_tables(connection)
    return {name: rows for name, rows in stored.items() if name != "events"}


def drift_of(results: list[RebuildResult]) -> list[Drift]:
    return [drift for result in results for drift in result.drift]


def kept_of(results: list[RebuildResult]) -> dict[str, int]:
    return {kept.table: kept.rows for result in results for kept in result.kept}


@pytest.mark.parametrize("given_up", ["dropped", "detached", "dropped and a late event came"])
async def test_a_rebuild_keeps_every_row_of_a_month_that_was_given_up(
    projector: Projector, connection: asyncpg.Connection, database_url: str, given_up: str
) -> None:
    for name, at in (("april", APRIL), ("may", MAY), ("june", JUNE)):
        await store(projector, eventful(name, at))
    for retention_class in ("consent", "registry", "traffic"):
        if given_up == "detached":
            await connection.execute(
                f"alter table telnyx_partitions.events_{retention_class}"
                f" detach partition telnyx_partitions.events_{retention_class}_2026_05"
            )
        else:
            await give_up(connection, f"{retention_class}_2026_05")
    if given_up == "dropped and a late event came":
        await store(projector, [builders.message_sent("late", at=MAY), builders.stop_received("late", at=MAY)])
    before = await tables(connection)
    checked = await check(database_url, PROJECTIONS)
    assert drift_of(checked) == []
    kept = kept_of(checked)
    assert kept["opt_out_events"] == 2
    assert set(kept) == set(ORIGINS)
    repaired = await rebuild(database_url, PROJECTIONS)
    assert kept_of(repaired) == kept
    assert await tables(connection) == before


async def test_drift_beside_a_month_that_was_given_up_is_still_found_and_repaired(
    projector: Projector, connection: asyncpg.Connection, database_url: str
) -> None:
    for name, at in (("april", APRIL), ("may", MAY), ("june", JUNE)):
        await store(projector, eventful(name, at))
    await give_up(connection, "traffic_2026_05", "consent_2026_05")
    before = await tables(connection)
    await connection.execute("update telnyx.message_deliveries set carrier = 'planted' where message_id = 'sent-june'")
    await connection.execute("delete from telnyx.opt_outs where phone_number = $1", REFUSED)
    await connection.execute("update telnyx.opt_out_events set keyword = 'PLANTED' where occurred_at >= $1", JUNE)
    await connection.execute(
        """insert into telnyx.opt_out_events select gen_random_uuid(), '+13125550199', account, messaging_profile_id,
           action, basis, keyword, via_number, telnyx_blocked, occurred_at, attempted_at, received_at
           from telnyx.opt_out_events where occurred_at >= $1""",
        JUNE,
    )
    assert {(drift.table, drift.kind) for drift in drift_of(await check(database_url, PROJECTIONS))} == {
        ("message_deliveries", "wrong"),
        ("opt_outs", "missing"),
        ("opt_out_events", "wrong"),
        ("opt_out_events", "extra"),
    }
    await rebuild(database_url, PROJECTIONS)
    assert await tables(connection) == before
    assert drift_of(await check(database_url, PROJECTIONS)) == []


async def test_a_message_of_two_months_is_kept_whole_after_the_first_was_given_up(
    projector: Projector, connection: asyncpg.Connection, database_url: str
) -> None:
    last_of_may = datetime(2026, 5, 31, 23, 59, 59, tzinfo=UTC)
    sent = builders.message_sent("over-midnight", at=last_of_may)
    finalized = builders.message_finalized("over-midnight", at=last_of_may + timedelta(seconds=5), sent_at=None)
    await store(projector, [sent, finalized])
    await give_up(connection, "traffic_2026_05")
    before = await tables(connection)
    await rebuild(database_url, PROJECTIONS)
    assert await tables(connection) == before


def test_every_table_that_is_not_folded_says_which_months_its_rows_come_from() -> None:
    assert {table.name for projection in PROJECTIONS for table in projection.tables} == set(ORIGINS)


@pytest.mark.parametrize("how", ["drop table {partition}", "alter table {parent} detach partition {partition}"])
async def test_a_running_projector_survives_a_month_that_is_given_up(
    projector: Projector, connection: asyncpg.Connection, how: str
) -> None:
    """The projector has made the month, and believes that it is still there when a late event comes."""
    parent = "telnyx_partitions.events_traffic"
    await store(projector, [builders.message_sent("before", at=MAY)])
    await connection.execute(how.format(parent=parent, partition=f"{parent}_2026_05"))
    await store(projector, [builders.message_sent("late", at=MAY)])
    await store(projector, [builders.message_sent(f"later-{number}", at=MAY) for number in range(30)])
    stored = "select count(*) from telnyx.events where occurred_at = $1"
    assert await connection.fetchval(stored, MAY + timedelta(milliseconds=300)) == 31
    assert await connection.fetchval("select count(*) from telnyx.dead_letters") == 0
