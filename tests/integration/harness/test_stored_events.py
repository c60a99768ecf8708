"""A small ledger of the benchmark `stored`: its content is as declared, and no query reads all of `events`."""

import re
from collections import Counter
from datetime import UTC, datetime

import asyncpg
import pytest

from deploy.support_queries import bound, support_queries, variables
from projections.rebuild.rebuild import rebuild
from projections.registry import PROJECTIONS
from schemas.reading.signing import verify
from tests.benchmarks.stored import events as stored_events
from tests.benchmarks.stored import questions as stored_questions
from tests.support.sql.rows import plan

EVENTS = 12_000
ENDS_AT = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)

# Rare stories, which one account may not have in the last 30 days.
MAY_BE_EMPTY = {
    *("event_id_conflicts", "event_id_conflicts_since", "toll_free_blocks"),
    *("--ask spend_limits", "--ask toll_free_open", "--ask numbers_not_assigned"),
}


@pytest.fixture
async def stored(database_url: str, connection: asyncpg.Connection) -> asyncpg.Connection:
    """A year of events with rebuilt tables, analyzed."""
    await stored_events.prepare(database_url, ENDS_AT)
    for shard in stored_events.shards(EVENTS, ENDS_AT):
        await stored_events.copy(database_url, shard)
    await rebuild(database_url, PROJECTIONS)
    await connection.execute("vacuum analyze")
    return connection


async def test_a_query_does_not_read_a_whole_year_of_events(database_url: str, stored: asyncpg.Connection) -> None:
    await the_events_are_signed(stored)
    views = await stored.fetch("select viewname from pg_views where schemaname = 'telnyx' order by 1")
    assert {row[0] for row in views} - {"event_payloads"} == stored_questions.VIEWS.keys(), "a new view is asked here"
    assert await stored.fetchval("select count(*) from telnyx.dead_letters") == 0
    answers = await stored_questions.view_questions(database_url)
    assert {answer.name for answer in answers if not answer.rows} <= MAY_BE_EMPTY
    await nothing_reads_all_events(stored)


async def the_events_are_signed(stored: asyncpg.Connection) -> None:
    rows = await stored.fetch("select * from telnyx.events join telnyx.signing_keys using (key_id, account)")
    assert len(rows) == EVENTS
    shares = Counter(row["account"] for row in rows)
    assert {account: 100 * count // EVENTS for account, count in shares.items()} == stored_events.SHARES
    assert len({row["occurred_at"].strftime("%Y-%m") for row in rows}) >= 12
    assert len({row["event_type"] for row in rows}) > 10
    for row in rows[::50]:
        assert verify(row["public_key"], row["signature"], row["signed_timestamp"].encode(), row["body"])


async def nothing_reads_all_events(stored: asyncpg.Connection) -> None:
    """A sequential scan is right for a small partition, and for any month of the registry."""
    large = await stored.fetch(
        """select tableoid::regclass::text from telnyx.events where retention_class <> 'registry'
           group by 1 having count(*) > 100"""
    )
    tables = {name.rpartition(".")[2] for (name,) in large}
    assert len(tables) >= 12
    asked: dict[str, tuple[str, list[str]]] = {
        view: (f"select * from telnyx.{view}", []) for view in stored_questions.VIEWS
    }
    for name, statement in support_queries().items():
        asked[name] = bound(statement, dict.fromkeys(variables(statement), "2026-01-01"))
    for name, (query, values) in asked.items():
        seen = await plan(stored, query, *values)
        assert not tables & set(re.findall(r"Seq Scan on (\w+)", seen)), f"{name}:\n{seen}"


def test_the_same_shard_is_the_same_events() -> None:
    shard = stored_events.shards(EVENTS, ENDS_AT)[1]
    assert stored_events.rows(shard) == stored_events.rows(shard)
