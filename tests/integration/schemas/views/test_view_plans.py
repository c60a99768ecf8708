"""A query for one account and 30 days uses an index, and no view reads the whole of `events`."""

import re

import asyncpg
import pytest

from deploy.support_queries import bound, support_query
from tests.support.environment.waiting import eventually
from tests.support.sql.rows import plan

# View, condition of a dashboard, index that must find its rows.
QUESTIONS = [
    ("delivery_hourly", "account = 'a' and hour >= now() - interval '30 days'", "message_deliveries_hour_idx"),
    ("delivery_by_carrier_daily", "account = 'a' and day >= current_date - 30", "message_deliveries_day_idx"),
    ("error_breakdown_daily", "account = 'a' and day >= current_date - 30", "message_deliveries_errors_idx"),
    ("stuck_messages", "account = 'a' and sent_at >= now() - interval '30 days'", "message_deliveries_sent_idx"),
    ("opt_out_violations", "account = 'a' and sent_at >= now() - interval '30 days'", "message_deliveries_sent_idx"),
    ("campaign_health", "account = 'a'", "message_deliveries_hour_idx"),
    ("unregistered_traffic", "account = 'a' and day >= current_date - 30", "message_deliveries_day_idx"),
    ("event_id_conflicts", "account = 'a' and event_id = 'id-7'", "account_event_id_occurred_at_idx"),
    ("event_id_conflicts", "account = 'a'", "account_event_id_occurred_at_idx"),
    ("event_id_conflicts", "true", "account_event_id_occurred_at_idx"),
    ("event_id_conflicts_since(timestamptz '2025-03-21')", "account = 'a'", "account_event_id_occurred_at_idx"),
    ("pipeline_lag", "true", "recorded_at_received_at_idx"),
]


@pytest.fixture
async def stored(connection: asyncpg.Connection) -> asyncpg.Connection:
    """Two years of messages, a few people who opted out, and events recorded over two months."""
    await connection.execute("""
        insert into telnyx.message_deliveries
          (message_id, recipient, account, messaging_profile_id, sender, status, is_final, status_at, sent_at,
           first_event_at, last_event_key, status_rank, tcr_campaign_id, error_codes)
        select md5(i::text), '+1312' || lpad((i % 5000)::text, 7, '0'), case i % 10 when 0 then 'b' else 'a' end, 'p',
               '+14155550000', 'delivered', i % 50 <> 0, at, at, at, gen_random_uuid(), 5, 'C00000' || i % 10,
               case i % 40 when 0 then array['40008'] else '{}' end
        from (select i, now() - i * interval '30 minutes' as at from generate_series(1, 35000) as i) as made;
        insert into telnyx.opt_out_events (event_key, phone_number, account, messaging_profile_id, action, basis,
                                           telnyx_blocked, occurred_at, received_at)
        select gen_random_uuid(), '+1312' || lpad((i % 6000)::text, 7, '0'), 'a', 'p', 'opt_out', 'keyword', false,
               now() - interval '20 days', now()
        from generate_series(1, 20000) as i;
        insert into telnyx.campaigns (campaign_id, account, tcr_campaign_id, last_event_key)
        select i::text, 'a', 'C00000' || i, gen_random_uuid() from generate_series(0, 9) as i;
        select telnyx.ensure_partition('traffic', '2025-03-01');
        insert into telnyx.events (event_key, event_id, account, event_type, retention_class, occurred_at, received_at,
                                   recorded_at, body, signature, signed_timestamp, key_id)
        select gen_random_uuid(), 'id-' || i, case i % 10 when 0 then 'b' else 'a' end, 'message.sent', 'traffic',
               timestamptz '2025-03-01' + i * interval '1 minute', now(), now() - i * interval '3 minutes',
               convert_to(repeat(md5(i::text), 40), 'UTF8'), '', '', ''
        from generate_series(1, 30000) as i;
    """)
    # The plans are those of a table at rest. A vacuum leaves pages unmarked while a snapshot is older than their rows,
    # for example that of an autovacuum's analyze. It is repeated until all pages are marked.
    await eventually(lambda: unmarked_after_vacuum(connection), lambda pages: pages == 0)
    return connection


async def unmarked_after_vacuum(connection: asyncpg.Connection) -> int:
    """Vacuums, and counts the pages of the tables that are not marked all-visible yet."""
    await connection.execute("vacuum analyze")
    pages: int = await connection.fetchval("""
        select sum(relpages - relallvisible) from pg_class where oid in
          ('telnyx_partitions.events_traffic_2025_03'::regclass, 'telnyx.message_deliveries'::regclass)
    """)
    return pages


@pytest.mark.parametrize(("view", "condition", "index"), QUESTIONS)
async def test_a_query_reads_by_index(stored: asyncpg.Connection, view: str, condition: str, index: str) -> None:
    seen = await plan(stored, f"select * from telnyx.{view} where {condition}")
    assert index in seen, seen
    # The partitions without rows have nothing to scan.
    scanned = re.findall(r"Seq Scan on (\w+).*?rows=(\d+)", seen)
    large = {"message_deliveries", "events_traffic_2025_03"}
    assert not [name for name, _ in scanned if name in large], seen


async def test_only_people_who_opted_out_are_folded(stored: asyncpg.Connection) -> None:
    """The history of a person is read by index, and only for messages that follow an opt-out of that person."""
    seen = await plan(stored, "select * from telnyx.opt_out_violations where account = 'a'")
    after_an_opt_out = await stored.fetchval("""
        select count(*) from telnyx.message_deliveries d where account = 'a' and exists (
          select from telnyx.opt_out_events o where o.phone_number = d.recipient and o.occurred_at < d.sent_at)
    """)
    folded = re.search(r"Limit \(actual .*?loops=(\d+)\)", seen)
    assert folded is not None, seen
    assert int(folded[1]) == after_an_opt_out > 0
    # Facts are found by the person, in the indexes of opt-outs and of opt-ins.
    assert "Index Scan using opt_out_events_opt_out_idx" in seen, seen
    assert "using opt_out_events_opt_in_idx" in seen, seen


async def test_why_not_delivered_reads_the_blocks_of_one_person(stored: asyncpg.Connection) -> None:
    message = await stored.fetchval("select message_id from telnyx.message_deliveries limit 1")
    query, values = bound(support_query("why_not_delivered"), {"message": message})
    assert "Seq Scan on opt_out_events" not in (seen := await plan(stored, query, *values)), seen


async def test_an_update_of_a_delivery_moves_no_index_entry(stored: asyncpg.Connection) -> None:
    """message.finalized changes no indexed column but error_codes of failures, so the update stays in its page."""
    await stored.execute("vacuum full telnyx.message_deliveries")
    await stored.execute("select pg_stat_reset_single_table_counters('telnyx.message_deliveries'::regclass)")
    await stored.execute("""
        update telnyx.message_deliveries set status = 'read', status_rank = 6, is_final = true, completed_at = now(),
          status_at = now(), sent_at = least(sent_at, now()), first_event_at = least(first_event_at, now()),
          last_event_key = gen_random_uuid(), cost_amount = 0.0051, parts = 1
        where message_id in (select md5((i * 100)::text) from generate_series(1, 300) as i)
    """)
    await stored.execute("select pg_stat_force_next_flush()")
    row = await stored.fetchrow("""
        select n_tup_upd, n_tup_hot_upd from pg_stat_user_tables where relid = 'telnyx.message_deliveries'::regclass
    """)
    assert row is not None
    assert (row["n_tup_upd"], row["n_tup_hot_upd"]) == (300, 300)
