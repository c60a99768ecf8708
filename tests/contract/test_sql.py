"""The SQL contract as others rely on it: relations, columns, types, keys and comments, literally as designed."""

import asyncpg
import pytest

CONTRACT = {
    "events": """position bigint, event_key uuid, event_id text, account text, event_type text, retention_class text,
        occurred_at timestamptz, received_at timestamptz, recorded_at timestamptz, body bytea, signature bytea,
        signed_timestamp text, key_id text""",
    "event_payloads": """position bigint, event_key uuid, event_id text, account text, event_type text,
        retention_class text, occurred_at timestamptz, received_at timestamptz, recorded_at timestamptz, body bytea,
        signature bytea, signed_timestamp text, key_id text, payload jsonb""",
    "message_deliveries": """message_id text, recipient text, account text, messaging_profile_id text, sender text,
        status text, is_final boolean, status_at timestamptz, message_type text, tcr_campaign_id text,
        group_message_id text, carrier text, line_type text, encoding text, parts integer, cost_amount numeric,
        cost_currency text, carrier_fee_amount numeric, error_codes text[], error_detail text, tags text[],
        queued_at timestamptz, sent_at timestamptz, completed_at timestamptz, first_event_at timestamptz,
        last_event_key uuid""",
    "inbound_messages": """message_id text, account text, messaging_profile_id text, sender text, recipients text[],
        cc text[], message_type text, encoding text, parts integer, carrier text, line_type text,
        autoresponse_type text, received_at timestamptz, event_key uuid""",
    "message_contents": "message_id text, text text, media jsonb, event_key uuid",
    "opt_out_events": """event_key uuid, phone_number text, account text, messaging_profile_id text, action text,
        basis text, keyword text, via_number text, telnyx_blocked boolean, occurred_at timestamptz""",
    "opt_outs": """messaging_profile_id text, phone_number text, account text, opted_out boolean,
        changed_at timestamptz, basis text, keyword text, via_number text, telnyx_blocked boolean,
        last_event_key uuid""",
    "ten_dlc_events": """event_key uuid, account text, entity text, brand_id text, campaign_id text,
        tcr_campaign_id text, phone_number text, payload_type text, tcr_event_type text, status text,
        description text, reasons jsonb, csp_id text, nudge_intent text, occurred_at timestamptz""",
    "ten_dlc_aliases": "entity text, alias text, id text, event_key uuid",
    "brands": """brand_id text, account text, tcr_brand_id text, name text, registration_status text,
        identity_status text, vetting_status text, last_reason text, updated_event_at timestamptz,
        last_event_key uuid""",
    "campaigns": """campaign_id text, account text, tcr_campaign_id text, brand_id text, csp_id text, status text,
        previous_status text, status_at timestamptz, reason text, is_t_mobile_registered boolean,
        number_pool_provisioned boolean, last_event_key uuid""",
    "campaign_transitions": """campaign_id text, seq integer, from_status text, to_status text, event_key uuid,
        payload_type text, tcr_event_type text, reason text, is_documented boolean, occurred_at timestamptz""",
    "campaign_numbers": """phone_number text, campaign_id text, account text, tcr_campaign_id text, status text,
        reasons jsonb, status_at timestamptz, last_event_key uuid""",
    "spend_limit_events": """event_key uuid, account text, messaging_profile_id text, configured_limit numeric,
        current_cost numeric, occurred_at timestamptz""",
    "hosted_number_orders": """order_id text, account text, last_event_key uuid, messaging_profile_id text,
        status text, status_at timestamptz, decision text, approval_deadline timestamptz""",
    "hosted_numbers": """order_id text, phone_number text, status text, status_at timestamptz, last_event_key uuid,
        account text""",
    "toll_free_verifications": """verification_id text, account text, status text, reason text, status_at timestamptz,
        last_event_key uuid""",
    "link_clicks": """event_key uuid, account text, message_id text, recipient text, url text,
        clicked_at timestamptz""",
    "error_codes": "code text, title text, category text, advice text",
    "quarantined_webhooks": """quarantine_key uuid, account text, reason text, received_at timestamptz, body bytea,
        signature bytea, signed_timestamp text, key_id text, requeued_at timestamptz""",
    "dead_letters": """projection text, event_key uuid, error_class text, sqlstate text, first_failed_at timestamptz,
        attempts integer""",
    "projection_state": "name text, version integer, status text, reason text, since timestamptz",
    "projection_offsets": """topic text, partition integer, next_offset bigint, last_offset bigint,
        last_event_key uuid, cluster_id text, owner text, updated_at timestamptz""",
    "signing_keys": """key_id text, account text, public_key bytea, not_before timestamptz, not_after timestamptz,
        first_seen_at timestamptz""",
    "event_seals": """seq bigint, first_position bigint, last_position bigint, events bigint, root bytea, chain bytea,
        sealed_at timestamptz""",
    "seal_count": "seals bigint, one_row boolean",
    "seal_groups": "seq bigint, first_positions bigint[], roots bytea",
    "person_events": "phone_number text, occurred_at timestamptz, event_key uuid, retention_class text",
}
_CLASSES = "messages bigint, delivered bigint, failed bigint, unconfirmed bigint, pending bigint"
VIEWS = {
    "delivery_hourly": f"""account text, messaging_profile_id text, hour timestamptz, {_CLASSES}, parts bigint,
        cost_amount numeric""",
    "delivery_by_carrier_daily": f"account text, carrier text, line_type text, day date, {_CLASSES}",
    "error_breakdown_daily": """account text, error_code text, day date, title text, category text,
        messages bigint""",
    "opt_out_daily": """account text, messaging_profile_id text, day date, opt_outs bigint, opt_ins bigint,
        helps bigint, blocked_sends bigint""",
    "campaign_health": """campaign_id text, tcr_campaign_id text, account text, status text, status_at timestamptz,
        reason text, numbers_assigned bigint, messages bigint, delivered bigint, failed bigint, spam_blocked bigint""",
    "stuck_messages": """message_id text, recipient text, account text, sender text, carrier text,
        sent_at timestamptz""",
    "opt_out_violations": """message_id text, recipient text, account text, messaging_profile_id text, status text,
        sent_at timestamptz, opted_out_at timestamptz, basis text, opt_out_event_key uuid, seconds_after numeric,
        known_before_send boolean, is_confirmation boolean""",
    "opt_outs_any_profile": """account text, phone_number text, profiles text[], first_opted_out_at timestamptz,
        last_changed_at timestamptz""",
    "toll_free_blocks": """via_number text, phone_number text, account text, blocked boolean,
        changed_at timestamptz""",
    "uncovered_revocations": CONTRACT["opt_outs"],
    "unregistered_traffic": """account text, sender text, day date, messages bigint, first_sent_at timestamptz,
        last_sent_at timestamptz, campaign_id text, campaign_status text, assigned_at timestamptz""",
    "event_id_conflicts": """account text, event_id text, events bigint, first_occurred_at timestamptz,
        last_occurred_at timestamptz""",
    "pipeline_lag": "minute timestamptz, events bigint, p50_seconds double, p99_seconds double",
}
CONTRACT |= VIEWS
PRIMARY_KEYS = {
    "events": "retention_class, occurred_at, event_key",
    "message_deliveries": "message_id, recipient",
    "inbound_messages": "message_id",
    "message_contents": "message_id",
    "opt_out_events": "event_key, phone_number",
    "opt_outs": "messaging_profile_id, phone_number",
    "ten_dlc_events": "event_key",
    "ten_dlc_aliases": "entity, alias",
    "brands": "brand_id",
    "campaigns": "campaign_id",
    "campaign_transitions": "campaign_id, seq",
    "campaign_numbers": "phone_number, campaign_id",
    "spend_limit_events": "event_key",
    "hosted_number_orders": "order_id",
    "hosted_numbers": "order_id, phone_number",
    "toll_free_verifications": "verification_id",
    "link_clicks": "event_key",
    "error_codes": "code",
    "quarantined_webhooks": "quarantine_key",
    "dead_letters": "projection, event_key",
    "projection_state": "name",
    "projection_offsets": "topic, partition",
    "signing_keys": "key_id",
    "event_seals": "seq",
    "seal_count": "one_row",
    "person_events": "phone_number, occurred_at, event_key",
    "seal_groups": "seq",
}
COLUMNS = """
    select c.relname as relation, a.attname as name, format_type(a.atttypid, a.atttypmod) as type,
           l.collname as collation
    from pg_attribute a
    join pg_class c on c.oid = a.attrelid
    left join pg_collation l on l.oid = a.attcollation
    where c.relnamespace = 'telnyx'::regnamespace and c.relkind in ('r', 'p', 'v') and a.attnum > 0 and not attisdropped
    order by c.relname, a.attnum
"""
SPELLING = {"timestamp with time zone": "timestamptz", "double precision": "double"}


def listed(text: str) -> dict[str, str]:
    return dict(part.split() for part in text.split(","))


async def columns_of(connection: asyncpg.Connection) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for row in await connection.fetch(COLUMNS):
        found.setdefault(row["relation"], {})[row["name"]] = SPELLING.get(row["type"], row["type"])
    return found


@pytest.mark.parametrize("relation", CONTRACT)
async def test_a_relation_has_the_columns_of_the_contract(connection: asyncpg.Connection, relation: str) -> None:
    wanted = listed(CONTRACT[relation])
    found = (await columns_of(connection))[relation]
    assert {name: found.get(name) for name in wanted} == wanted
    # Ours come after theirs, so that a reader of the table meets the contract first.
    assert list(found)[: len(wanted)] == list(wanted)


async def test_the_schema_holds_nothing_that_nobody_asked_for(connection: asyncpg.Connection) -> None:
    assert set(await columns_of(connection)) == {*CONTRACT, "schema_revision"}


async def test_primary_keys_are_those_of_the_contract(connection: asyncpg.Connection) -> None:
    rows = await connection.fetch("""
        select conrelid::regclass::text as relation, conname,
               regexp_replace(pg_get_constraintdef(oid), '^PRIMARY KEY [(](.*)[)]$', '\\1') as columns
        from pg_constraint where connamespace = 'telnyx'::regnamespace and contype = 'p'
    """)
    found = {row["relation"].removeprefix("telnyx."): row["columns"].replace('"', "") for row in rows}
    assert found == {**PRIMARY_KEYS, "schema_revision": "version_num"}
    ours = [row["conname"] for row in rows if row["relation"] != "telnyx.schema_revision"]
    assert all(name.endswith("_pk") for name in ours), ours


async def test_text_is_ordered_by_code_point(connection: asyncpg.Connection) -> None:
    rows = await connection.fetch(COLUMNS)
    wrong = [
        f"{row['relation']}.{row['name']}" for row in rows if row["type"].startswith("text") and row["collation"] != "C"
    ]
    assert wrong == []


async def test_every_relation_column_and_function_says_what_it_is(connection: asyncpg.Connection) -> None:
    silent = await connection.fetch("""
        select c.relname || coalesce('.' || a.attname, '') as what
        from pg_class c
        left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        where c.relnamespace = 'telnyx'::regnamespace and c.relkind in ('r', 'p', 'v')
          and (obj_description(c.oid, 'pg_class') is null or col_description(c.oid, a.attnum) is null)
        union all
        select oid::regprocedure::text from pg_proc
        where pronamespace = 'telnyx'::regnamespace and obj_description(oid, 'pg_proc') is null
        union all
        select nspname from pg_namespace
        where nspname like 'telnyx%' and obj_description(oid, 'pg_namespace') is null
    """)
    assert [row["what"] for row in silent] == []


async def test_views_work_with_the_rights_of_who_asks(connection: asyncpg.Connection) -> None:
    open_to_all = await connection.fetch("""
        select relname from pg_class
        where relnamespace = 'telnyx'::regnamespace and relkind = 'v'
          and not coalesce(reloptions @> '{security_invoker=true}', false)
    """)
    assert open_to_all == []


async def test_a_tool_that_lists_the_schema_sees_no_partitions(connection: asyncpg.Connection) -> None:
    assert await connection.fetchval(
        "select count(*) = 0 from pg_class where relnamespace = 'telnyx'::regnamespace and relispartition"
        " and relkind in ('r', 'p')"
    )


async def test_an_update_of_a_delivery_stays_in_its_page(connection: asyncpg.Connection) -> None:
    await connection.execute("""
        insert into telnyx.message_deliveries
          (message_id, recipient, account, status, is_final, status_at, first_event_at, last_event_key, status_rank)
        select i::text, '+1', 'default', 'queued', false, now(), now(), gen_random_uuid(), 1
        from generate_series(1, 200) i
    """)
    for number in range(1, 200, 20):
        await connection.execute(
            "update telnyx.message_deliveries set status = 'sent', status_rank = 3 where message_id = $1", str(number)
        )
    await connection.execute("select pg_stat_force_next_flush()")
    row = await connection.fetchrow("""
        select n_tup_upd, n_tup_hot_upd from pg_stat_user_tables
        where relid = 'telnyx.message_deliveries'::regclass
    """)
    assert row is not None
    assert (row["n_tup_upd"], row["n_tup_hot_upd"]) == (10, 10)


async def test_error_codes_are_the_vendors(connection: asyncpg.Connection) -> None:
    rows = {row["code"]: row for row in await connection.fetch("select * from telnyx.error_codes")}
    assert len(rows) == 66
    assert dict(rows["40300"]) == {
        "code": "40300",
        "title": "Blocked (STOP)",
        "category": "permanent",
        "advice": "Do not retry; wait for recipient to opt back in",
    }
    assert rows["40010"]["category"] == "action_required"
    assert {code for code, row in rows.items() if row["category"] == "auto_retriable"} == {"40006", "40008"}
    assert {code for code, row in rows.items() if row["category"] == "temporary_hold"} == {"40020", "40320"}
    assert rows["40012"]["category"] is None
    assert rows["41000"]["advice"] is None
    assert not any("](" in (row["advice"] or "") for row in rows.values())
