"""Every view equals the oracle, on streams with collisions, in the time zone of any session."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.oracle import compare
from tests.oracle.rows import Rows
from tests.oracle.tables import stored_events
from tests.oracle.views import numbers as views_of_numbers
from tests.oracle.views import views
from tests.support.projections.apply import allow_clearing, apply, clear, closing, expected_delivery, new_projector
from tests.support.streams import Webhook, split, streams
from tests.support.streams.views import STORIES, Step

KEYS = {
    "delivery_hourly": ("account", "messaging_profile_id", "hour"),
    "delivery_by_carrier_daily": ("account", "carrier", "line_type", "day"),
    "error_breakdown_daily": ("account", "error_code", "day"),
    "stuck_messages": ("message_id", "recipient"),
    "opt_out_daily": ("account", "messaging_profile_id", "day"),
    "opt_out_violations": ("message_id", "recipient"),
    "opt_outs_any_profile": ("account", "phone_number"),
    "toll_free_blocks": ("via_number", "phone_number"),
    "uncovered_revocations": ("messaging_profile_id", "phone_number"),
    "campaign_health": ("campaign_id",),
    "unregistered_traffic": ("account", "sender", "day"),
    "event_id_conflicts": ("account", "event_id"),
}
EXPECTED = {name: getattr(views, name, None) or getattr(views_of_numbers, name) for name in KEYS}
ZONES = ("UTC", "Pacific/Kiritimati", "America/St_Johns")
EXAMPLES = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.fixture
async def ledger(connection: asyncpg.Connection) -> asyncpg.Connection:
    """The administrator's connection to a database that may be cleared between examples."""
    await allow_clearing(connection)
    return connection


async def found_views(connection: asyncpg.Connection) -> dict[str, Rows]:
    return {
        name: await compare.stored_rows(connection, key, f"select * from telnyx.{name}") for name, key in KEYS.items()
    }


async def known_codes(connection: asyncpg.Connection) -> dict[str, tuple[str, str | None]]:
    rows = await connection.fetch("select code, title, category from telnyx.error_codes")
    return {row["code"]: (row["title"], row["category"]) for row in rows}


async def check(
    url: str, ledger: asyncpg.Connection, stream: Sequence[Webhook], now: datetime, batches: Sequence[Any]
) -> None:
    await clear(ledger)
    async with closing(new_projector(url)) as projector:
        await apply(projector, batches)
    events = stored_events([expected_delivery(webhook) for webhook in stream])
    known = views.ledger(events, now, await known_codes(ledger))
    expected = {name: view(known) for name, view in EXPECTED.items()}
    assert compare.differences(expected, await found_views(ledger)) == []
    await check_lag(ledger)


async def check_lag(ledger: asyncpg.Connection) -> None:
    now = await ledger.fetchval("select now()")
    times = [tuple(row) for row in await ledger.fetch("select received_at, recorded_at from telnyx.events")]
    found: dict[tuple[object, ...], Any] = {
        (row["minute"],): dict(row) for row in await ledger.fetch("select * from telnyx.pipeline_lag")
    }
    expected = views_of_numbers.pipeline_lag(times, now)
    assert found.keys() == expected.keys()
    for minute, row in expected.items():
        assert found[minute]["events"] == row["events"]
        for name in ("p50_seconds", "p99_seconds"):
            assert found[minute][name] == pytest.approx(row[name], rel=1e-9)


@EXAMPLES
@given(story=STORIES, zone=st.sampled_from(ZONES))
async def test_views_of_a_story_around_the_last_day(
    database_url: str, ledger: asyncpg.Connection, story: list[Step], zone: str
) -> None:
    await ledger.execute(f"set timezone = '{zone}'")
    now = datetime.now(UTC)
    stream = [step.at(now) for step in story]
    await check(database_url, ledger, stream, now, [stream])


@EXAMPLES
@given(stream=streams(24), zone=st.sampled_from(ZONES), seed=st.integers(0, 2**32))
async def test_views_of_streams_with_difficult_values(
    database_url: str, ledger: asyncpg.Connection, stream: list[Webhook], zone: str, seed: int
) -> None:
    await ledger.execute(f"set timezone = '{zone}'")
    await check(database_url, ledger, stream, datetime.now(UTC), split(stream, seed))


async def test_views_of_an_empty_ledger_are_empty(connection: asyncpg.Connection) -> None:
    assert {name for name, rows in (await found_views(connection)).items() if rows} == set()
    assert await connection.fetch("select * from telnyx.pipeline_lag") == []
