"""opt_outs_as_of and opt_out_evidence: columns, two times, plans. tests/laws compares their fold with the oracle."""

import uuid
from datetime import UTC, datetime, timedelta

import asyncpg

from tests.support.sql.rows import NOON, insert_event, insert_opt_out_event, plan

FOREVER = datetime(2199, 1, 1, tzinfo=UTC)
EVIDENCE = ("event_key", "occurred_at", "received_at", "body", "signature", "signed_timestamp", "key_id")
PERSON = "where messaging_profile_id = 'profile' and phone_number = '+13125550001'"


def minute(number: float) -> datetime:
    return NOON + timedelta(minutes=number)


async def test_the_columns_are_those_of_opt_outs(connection: asyncpg.Connection) -> None:
    await insert_opt_out_event(connection)
    row = await connection.fetchrow("select * from telnyx.opt_outs_as_of(now() + interval '100 years')")
    assert row is not None
    names = await connection.fetch(
        "select attname from pg_attribute where attrelid = 'telnyx.opt_outs'::regclass and attnum > 0 order by attnum"
    )
    assert list(row.keys()) == [name["attname"] for name in names]


async def test_a_late_event_changes_the_past_but_not_the_knowledge_of_it(connection: asyncpg.Connection) -> None:
    await insert_opt_out_event(connection, occurred_at=minute(0), received_at=minute(60))
    question = "select count(*) from telnyx.opt_outs_as_of($1, $2)"
    assert await connection.fetchval("select count(*) from telnyx.opt_outs_as_of($1)", minute(0)) == 1
    assert await connection.fetchval("select count(*) from telnyx.opt_outs_as_of(at => $1)", minute(-1)) == 0
    assert await connection.fetchval(question, minute(30), minute(30)) == 0
    assert await connection.fetchval(question, minute(30), minute(60)) == 1


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
        assert [dict(row) for row in rows] == [{name: event[name] for name in EVIDENCE}]


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
