"""The migrated schema is the contract of `tables.py`: relations, columns, types and keys, each with a comment."""

import asyncpg
import pytest

from tests.contract.tables import RELATIONS, TABLES

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


async def columns_of(connection: asyncpg.Connection) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for row in await connection.fetch(COLUMNS):
        found.setdefault(row["relation"], {})[row["name"]] = SPELLING.get(row["type"], row["type"])
    return found


@pytest.mark.parametrize("relation", RELATIONS)
async def test_a_relation_has_the_columns_of_the_contract(connection: asyncpg.Connection, relation: str) -> None:
    wanted = RELATIONS[relation].columns
    found = (await columns_of(connection))[relation]
    assert {name: found.get(name) for name in wanted} == wanted


async def test_the_schema_has_no_other_relations(connection: asyncpg.Connection) -> None:
    assert set(await columns_of(connection)) == {*RELATIONS, "schema_revision"}


async def test_primary_keys_are_those_of_the_contract(connection: asyncpg.Connection) -> None:
    rows = await connection.fetch("""
        select conrelid::regclass::text as relation, conname,
               regexp_replace(pg_get_constraintdef(oid), '^PRIMARY KEY [(](.*)[)]$', '\\1') as columns
        from pg_constraint where connamespace = 'telnyx'::regnamespace and contype = 'p'
    """)
    found = {row["relation"].removeprefix("telnyx."): row["columns"].replace('"', "") for row in rows}
    keys = {name: ", ".join(table.key) for name, table in TABLES.items()}
    assert found == {**keys, "schema_revision": "version_num"}
    ours = [row["conname"] for row in rows if row["relation"] != "telnyx.schema_revision"]
    assert all(name.endswith("_pk") for name in ours), ours


async def test_text_is_ordered_by_code_point(connection: asyncpg.Connection) -> None:
    rows = await connection.fetch(COLUMNS)
    wrong = [
        f"{row['relation']}.{row['name']}" for row in rows if row["type"].startswith("text") and row["collation"] != "C"
    ]
    assert wrong == []


async def test_every_relation_column_and_function_has_a_comment(connection: asyncpg.Connection) -> None:
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


async def test_views_run_with_the_rights_of_the_reader(connection: asyncpg.Connection) -> None:
    open_to_all = await connection.fetch("""
        select relname from pg_class
        where relnamespace = 'telnyx'::regnamespace and relkind = 'v'
          and not coalesce(reloptions @> '{security_invoker=true}', false)
    """)
    assert open_to_all == []


async def test_the_schema_lists_no_partitions(connection: asyncpg.Connection) -> None:
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


async def test_the_error_codes_are_those_of_the_vendor(connection: asyncpg.Connection) -> None:
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
