"""Queries on a large ledger and the bounds of their times, as the reader role, warm."""

import statistics
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import asyncpg

from deploy.support_queries import bound, support_queries, variables
from schemas.sql.migrate import migrate
from tests.benchmarks.stored.events import LARGE
from tests.support.sql.connections import connected

ROUNDS = 3
DASHBOARD_MS = 1000.0
PERSON_MS = 20.0
ACCOUNT_MS = 10_000.0
PERSON = "select * from telnyx.opt_outs_as_of($1) as known where messaging_profile_id = $2 and phone_number = $3"
PEOPLE = "people"  # the database of the account with many

# Each view as a dashboard asks it: one account, and the last 30 days if an index has the time.
VIEWS = {
    "delivery_hourly": "account = $1 and hour >= now() - interval '30 days'",
    "delivery_by_carrier_daily": "account = $1 and day >= current_date - 30",
    "error_breakdown_daily": "account = $1 and day >= current_date - 30",
    "opt_out_daily": "account = $1 and day >= current_date - 30",
    "campaign_health": "account = $1",
    "stuck_messages": "account = $1 and sent_at >= now() - interval '30 days'",
    "opt_out_violations": "account = $1 and sent_at >= now() - interval '30 days'",
    "opt_outs_any_profile": "account = $1 and last_changed_at >= now() - interval '30 days'",
    "toll_free_blocks": "account = $1 and changed_at >= now() - interval '30 days'",
    "uncovered_revocations": "account = $1 and changed_at >= now() - interval '30 days'",
    "unregistered_traffic": "account = $1 and day >= current_date - 30",
    "event_id_conflicts": "account = $1",
    "pipeline_lag": "$1 <> ''",
}


LIMITS_MS = {"event_id_conflicts": ACCOUNT_MS}  # this one covers all time; the next 30 days:
CONFLICTS = "select * from telnyx.event_id_conflicts_since(now() - interval '30 days') as found where account = $1"


@dataclass(frozen=True, slots=True)
class Answer:
    """The time of a query, and its bound."""

    name: str
    rows: int
    ms: float
    limit_ms: float

    @property
    def holds(self) -> bool:
        return self.ms < self.limit_ms


async def timed(connection: asyncpg.Connection, name: str, limit_ms: float, query: str, *values: object) -> Answer:
    """The median of a few rounds after a warm-up."""
    found = await connection.fetch(query, *values)
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        await connection.fetch(query, *values)
        taken.append((time.perf_counter() - began) * 1000)
    return Answer(name, len(found), statistics.median(taken), limit_ms)


async def view_questions(url: str) -> list[Answer]:
    """Every view, the history of a person, and every worked question."""
    async with connected(url) as connection:
        given = await _values(connection)
        await connection.execute("set role telnyx_reader")
        answers = [
            await timed(
                connection,
                view,
                LIMITS_MS.get(view, DASHBOARD_MS),
                f"select * from telnyx.{view} where {condition}",
                LARGE,
            )
            for view, condition in VIEWS.items()
        ]
        answers.append(await timed(connection, "event_id_conflicts_since", DASHBOARD_MS, CONFLICTS, LARGE))
        as_of = (
            "select * from telnyx.opt_outs_as_of(now()) as known where messaging_profile_id = $1 and phone_number = $2"
        )
        person = (given["profile"], given["phone"])
        answers.append(await timed(connection, "opt_outs_as_of, a person", PERSON_MS, as_of, *person))
        for name, statement in support_queries().items():
            query, values = bound(statement, {variable: given[variable] for variable in variables(statement)})
            answers.append(await timed(connection, f"--ask {name}", DASHBOARD_MS, query, *values))
        return answers


async def _values(connection: asyncpg.Connection) -> dict[str, str]:
    """One existing subject with data for each kind of query."""
    row = await connection.fetchrow(
        """
        select (select message_id from telnyx.message_deliveries
                where account = $1 and error_codes <> '{}' order by message_id limit 1) as message,
               (select campaign_id from telnyx.campaigns where account = $1 order by campaign_id limit 1) as campaign,
               (select brand_id from telnyx.brands where account = $1 order by brand_id limit 1) as brand,
               (select phone_number from telnyx.campaign_numbers
                where account = $1 order by phone_number limit 1) as number,
               said.messaging_profile_id as profile, said.phone_number as phone, $1 as account,
               (current_date - 30)::text as since, (current_date + 1)::text as until
        from (select messaging_profile_id, phone_number from telnyx.opt_out_events where account = $1
              group by 1, 2 order by count(*) desc, 1, 2 limit 1) as said
        """,
        LARGE,
    )
    return dict(row)


async def people_questions(url: str, people: int) -> list[Answer]:
    """Inserts opt-outs of an account with so many people, one or two events each, into `opt_out_events`."""
    database = urlsplit(url)._replace(path=f"/{PEOPLE}").geturl()
    await _load_people(url, database, people)
    async with connected(database) as connection:
        await connection.execute("set role telnyx_reader")
        when = datetime.now(UTC) - timedelta(days=30)
        whole = "select count(*) filter (where opted_out) from telnyx.opt_outs_as_of($1) as known where account = 'a'"
        return [
            await timed(connection, f"opt_outs_as_of, one of {people:,}", PERSON_MS, PERSON, when, "p", "+13120000001"),
            await timed(connection, f"opt_outs_as_of, all of {people:,}", ACCOUNT_MS, whole, when),
        ]


async def _load_people(url: str, database: str, people: int) -> None:
    async with connected(url) as administrator:
        if not await administrator.fetchval("select true from pg_database where datname = $1", PEOPLE):
            await administrator.execute(f"create database {PEOPLE} template template0 encoding 'UTF8'")
    await migrate(database, lambda _: None)
    async with connected(database) as connection:
        await connection.execute("truncate telnyx.opt_out_events")
        await connection.execute(
            """
            insert into telnyx.opt_out_events (event_key, phone_number, account, messaging_profile_id, action, basis,
                                               keyword, via_number, telnyx_blocked, occurred_at, received_at)
            select gen_random_uuid(), '+1312' || lpad((i % $1)::text, 7, '0'), 'a', 'p',
                   case when i < $1 then 'opt_out' else 'opt_in' end, 'autoresponse', 'STOP', '+18005550100', i < $1,
                   now() - i % 365 * interval '1 day' + i / $1 * interval '1 hour', now()
            from generate_series(0, $1 * 6 / 5 - 1) as i
            """,
            people,
        )
        await connection.execute("vacuum (analyze) telnyx.opt_out_events")
