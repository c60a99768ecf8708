"""opt_outs_as_of is the fold of the definition for any history and pair of times, and reads only the wanted people."""

import random
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from tests.support.sql.rows import NOON, insert_event, insert_opt_out_event, plan

Fact = dict[str, Any]
FOREVER = datetime(2199, 1, 1, tzinfo=UTC)
PERSON = "where messaging_profile_id = 'profile' and phone_number = '+13125550001'"


def minute(number: float) -> datetime:
    return NOON + timedelta(minutes=number)


async def history(connection: asyncpg.Connection, *facts: str) -> list[Fact]:
    """Facts one minute apart, written as `action basis`, with growing event keys."""
    rows = []
    for number, fact in enumerate(facts):
        action, basis = fact.split()
        values = {"action": action, "basis": basis, "telnyx_blocked": action == "opt_out" and basis != "keyword"}
        key = uuid.UUID(int=number + 1)
        rows.append(await insert_opt_out_event(connection, event_key=key, occurred_at=minute(number), **values))
    return rows


async def state(connection: asyncpg.Connection) -> tuple[bool, datetime, str, bool]:
    row = await connection.fetchrow("select * from telnyx.opt_outs_as_of('infinity')")
    assert row is not None
    return row["opted_out"], row["changed_at"], row["basis"], row["telnyx_blocked"]


async def test_the_columns_are_those_of_opt_outs(connection: asyncpg.Connection) -> None:
    await history(connection, "opt_out autoresponse")
    row = await connection.fetchrow("select * from telnyx.opt_outs_as_of(now() + interval '100 years')")
    assert row is not None
    names = await connection.fetch(
        "select attname from pg_attribute where attrelid = 'telnyx.opt_outs'::regclass and attnum > 0 order by attnum"
    )
    assert list(row.keys()) == [name["attname"] for name in names]


CASES = {
    "a STOP": (["opt_out autoresponse"], (True, 0, "autoresponse", True)),
    "a START alone": (["opt_in autoresponse"], (False, 0, "autoresponse", False)),
    "a STOP repeated": (["opt_out keyword", "opt_out autoresponse"], (True, 0, "keyword", True)),
    "refused sends after a STOP": (
        ["opt_out autoresponse", "opt_out blocked_send", "opt_out blocked_send"],
        (True, 0, "autoresponse", True),
    ),
    "a STOP after a START": (
        ["opt_out autoresponse", "opt_in autoresponse", "opt_out keyword"],
        (True, 2, "keyword", False),
    ),
    "a REVOKE leaves a block": (["opt_out autoresponse", "opt_out keyword"], (True, 0, "autoresponse", True)),
    "a START that Telnyx did not act on": (["opt_out autoresponse", "opt_in keyword"], (False, 1, "keyword", True)),
    "HELP says nothing": (
        ["opt_out keyword", "help autoresponse", "opt_in keyword", "help keyword"],
        (False, 2, "keyword", False),
    ),
    "a refused send alone": (["opt_out blocked_send"], (True, 0, "blocked_send", True)),
}


@pytest.mark.parametrize("name", CASES)
async def test_the_deciding_event_is_the_first_of_the_last_run(connection: asyncpg.Connection, name: str) -> None:
    facts, (opted_out, changed, basis, blocked) = CASES[name]
    await history(connection, *facts)
    assert await state(connection) == (opted_out, minute(changed), basis, blocked)


@pytest.mark.parametrize(
    ("attempted", "counts"), [(None, True), (-1, False), (0, False), (0.5, True), (1, True), (5, True)]
)
async def test_a_refused_send_from_before_an_opt_in_does_not_count(
    connection: asyncpg.Connection, attempted: float | None, counts: bool
) -> None:
    await history(connection, "opt_in autoresponse")
    await insert_opt_out_event(
        connection,
        basis="blocked_send",
        occurred_at=minute(1),
        attempted_at=None if attempted is None else minute(attempted),
    )
    assert (await state(connection))[0] is counts


async def test_a_person_who_only_asked_for_help_has_no_row(connection: asyncpg.Connection) -> None:
    await history(connection, "help keyword")
    assert await connection.fetchval("select count(*) from telnyx.opt_outs_as_of('infinity')") == 0


async def test_a_late_event_changes_the_past_but_not_the_knowledge_of_it(connection: asyncpg.Connection) -> None:
    await insert_opt_out_event(connection, occurred_at=minute(0), received_at=minute(60))
    question = "select count(*) from telnyx.opt_outs_as_of($1, $2)"
    assert await connection.fetchval("select count(*) from telnyx.opt_outs_as_of($1)", minute(0)) == 1
    assert await connection.fetchval("select count(*) from telnyx.opt_outs_as_of(at => $1)", minute(-1)) == 0
    assert await connection.fetchval(question, minute(30), minute(30)) == 0
    assert await connection.fetchval(question, minute(30), minute(60)) == 1


def by_definition(facts: Sequence[Fact], at: datetime, known_at: datetime) -> dict[str, tuple[Any, ...]]:
    """The rows of docs/semantics.md, section 6, computed person by person and event by event."""
    people: dict[str, list[Fact]] = {}
    for fact in sorted(facts, key=lambda fact: (fact["occurred_at"], fact["event_key"].bytes)):
        if fact["occurred_at"] <= at and fact["received_at"] <= known_at and fact["action"] != "help":
            people.setdefault(fact["phone_number"], []).append(fact)
    rows = {}
    for person, theirs in people.items():
        deciding: Fact | None = None
        opt_ins: list[datetime] = []
        blocked = False
        for fact in theirs:
            attempt = min(fact["attempted_at"] or fact["occurred_at"], fact["occurred_at"])
            if fact["basis"] == "blocked_send" and any(opt_in >= attempt for opt_in in opt_ins):
                continue
            if fact["action"] == "opt_in":
                opt_ins.append(fact["occurred_at"])
            if deciding is None or deciding["action"] != fact["action"]:
                deciding = fact
            if fact["basis"] != "keyword":
                blocked = fact["telnyx_blocked"]
        if deciding is not None:
            key = deciding["event_key"]
            rows[person] = (deciding["action"] == "opt_out", deciding["occurred_at"], deciding["basis"], blocked, key)
    return rows


def some_facts(seed: int, count: int) -> list[Fact]:
    """Short histories with many ties in time, late arrivals and attempts on both sides of an opt-in."""
    chance = random.Random(seed)
    facts = []
    for _ in range(count):
        basis = chance.choice(["autoresponse", "keyword", "blocked_send"])
        action = "opt_out" if basis == "blocked_send" else chance.choice(["opt_out", "opt_in", "opt_in", "help"])
        occurred = minute(chance.randrange(6))
        facts.append(
            {
                "event_key": uuid.UUID(int=chance.getrandbits(128)),
                "phone_number": f"+1312555{chance.randrange(400):04}",
                "action": action,
                "basis": basis,
                "telnyx_blocked": action == "opt_out" and basis != "keyword",
                "occurred_at": occurred,
                "attempted_at": occurred - timedelta(minutes=chance.randrange(5)) if chance.random() < 0.5 else None,
                "received_at": occurred + timedelta(minutes=chance.randrange(4)),
            }
        )
    return facts


async def test_any_history_at_any_pair_of_times_gives_the_rows_of_the_definition(
    connection: asyncpg.Connection,
) -> None:
    facts = some_facts(seed=3, count=2_400)
    columns = list(facts[0])
    await connection.executemany(
        f"insert into telnyx.opt_out_events (account, messaging_profile_id, {', '.join(columns)})"
        " values ('default', 'profile', $1, $2, $3, $4, $5, $6, $7, $8)",
        [tuple(fact.values()) for fact in facts],
    )
    for at in [minute(-1), *(minute(number) for number in range(6)), FOREVER]:
        for known_at in [minute(1), minute(4), at, FOREVER]:
            rows = await connection.fetch("select * from telnyx.opt_outs_as_of($1, $2)", at, known_at)
            found = {
                row["phone_number"]: (
                    row["opted_out"],
                    row["changed_at"],
                    row["basis"],
                    row["telnyx_blocked"],
                    uuid.UUID(bytes=row["last_event_key"].bytes),
                )
                for row in rows
            }
            assert len(found) == len(rows)
            assert found == by_definition(facts, at, known_at)


async def test_evidence_is_the_signed_body_of_the_deciding_event(connection: asyncpg.Connection) -> None:
    stop = await insert_event(connection, retention_class="consent", event_type="message.received", body=b"STOP body")
    refused = await insert_event(connection, occurred_at=minute(2), body=b"refusal")
    await insert_opt_out_event(connection, event_key=stop["event_key"], occurred_at=minute(0))
    await insert_opt_out_event(connection, event_key=uuid.uuid4(), action="opt_in", occurred_at=minute(1))
    await insert_opt_out_event(
        connection,
        event_key=refused["event_key"],
        basis="blocked_send",
        occurred_at=minute(2),
        attempted_at=minute(1.5),
    )
    ask = "select * from telnyx.opt_out_evidence('profile', '+13125550001', $1)"
    assert await connection.fetch(ask, minute(-1)) == []
    for at, event in [(minute(0.5), stop), (FOREVER, refused)]:
        rows = await connection.fetch(ask, at)
        assert [dict(row) for row in rows] == [
            {
                name: event[name]
                for name in (
                    "event_key",
                    "occurred_at",
                    "received_at",
                    "body",
                    "signature",
                    "signed_timestamp",
                    "key_id",
                )
            }
        ]


async def many_facts(connection: asyncpg.Connection) -> None:
    await connection.execute("""
        insert into telnyx.opt_out_events (event_key, phone_number, account, messaging_profile_id, action, basis,
                                           telnyx_blocked, occurred_at, received_at)
        select md5(i::text)::uuid, '+1312555' || lpad((i % 9000)::text, 4, '0'), 'default', 'profile', 'opt_out',
               'autoresponse', true, now(), now()
        from generate_series(1, 20000) i
    """)
    await connection.execute("analyze telnyx.opt_out_events")


async def test_a_query_for_one_person_reads_the_rows_of_that_person(connection: asyncpg.Connection) -> None:
    await many_facts(connection)
    for question in (
        f"select * from telnyx.opt_outs_as_of(now()) {PERSON}",
        "select * from telnyx.opt_out_evidence('profile', '+13125550001', now())",
        """
        select * from unnest(array['profile', 'profile'], array['+13125550001', '+13125550002']) as who (profile, phone)
        cross join lateral (select * from telnyx.opt_outs_as_of('infinity') as known
          where known.messaging_profile_id = who.profile and known.phone_number = who.phone
          offset 0) as standing
        """,
    ):
        seen = await plan(connection, question)
        assert "opt_out_events_person_idx" in seen, seen
        assert "Seq Scan on opt_out_events" not in seen, seen
        assert "Index Cond: ((messaging_profile_id = " in seen, seen


async def test_evidence_is_looked_up_in_one_partition(connection: asyncpg.Connection) -> None:
    await connection.execute("select telnyx.ensure_partitions('2025-01-01', 11)")
    stop = await insert_event(connection, retention_class="consent", occurred_at=datetime(2025, 3, 3, tzinfo=UTC))
    await insert_opt_out_event(connection, event_key=stop["event_key"], occurred_at=stop["occurred_at"])
    seen = await plan(connection, "select * from telnyx.opt_out_evidence('profile', '+13125550001', now())")
    read = [line for line in seen.splitlines() if " on events_" in line and "never executed" not in line]
    assert len(read) == 1, seen
    assert "events_consent_2025_03" in read[0]
