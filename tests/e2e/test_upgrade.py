"""From the schema and the rows of a first version to this one, with its traffic running: nothing is lost or untrue.

`tests/data/first_version.jsonl` is what that version had stored, a row of a table a line; it is never made anew.
"""

import asyncio
import json
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from projections.registry import PROJECTIONS
from projections.tables.deliveries import DELIVERIES, MESSAGE_DELIVERIES
from projections.tables.persons import PERSONS
from schemas.kafka.record import Delivery
from schemas.reading.event import Event, read
from schemas.sql.migrations.upgrade import upgrade
from tests.support.environment.programs import Programs
from tests.support.webhooks import builders
from tests.support.webhooks.builders import NOON, encode, message_sent, sign

FIRST_VERSION = Path(__file__).parent.parent / "data" / "first_version.jsonl"
COLUMNS = """
    select string_agg(attname, ', ' order by attnum) from pg_attribute
    where attrelid = to_regclass('telnyx.' || $1) and attnum > 0 and not attisdropped and attgenerated = ''
"""
EVENT = """
    insert into telnyx.events
      (event_key, event_id, account, event_type, retention_class, occurred_at, received_at, body, signature,
       signed_timestamp, key_id)
    values ($1, $2, 'default', $3, $4, $5, $6, $7, $8, $9, $10)
"""
# The first version's tables: those of its first revision, and all.
REVISIONS = {
    "0001": {"deliveries", "inbound", "opt_outs"},
    "0004": {projection.name for projection in PROJECTIONS if projection is not PERSONS},
}


def stored() -> list[dict[str, Any]]:
    return [json.loads(line, parse_float=str) for line in FIRST_VERSION.read_text().splitlines()]  # 5.00 is not 5.0


async def begin(connection: asyncpg.Connection, revision: str) -> None:
    """The database as that version left it."""
    async with connection.transaction():
        await connection.execute("create schema telnyx")
        await upgrade(connection, revision)
        await connection.execute("select telnyx.ensure_partitions($1, 1)", NOON)
    for line in stored():
        table, row = line["table"], line["row"]
        columns = await connection.fetchval(COLUMNS, table)
        if columns and (table != "projection_state" or row["name"] in REVISIONS[revision]):
            names = ", ".join(name for name in columns.split(", ") if name in row)
            await connection.execute(
                f"""insert into telnyx.{table} ({names})
                    select {names} from json_populate_record(null::telnyx.{table}, $1)""",
                json.dumps(row),
            )
    await connection.execute("select setval('telnyx.events_position_seq', (select max(position) from telnyx.events))")


async def traffic(url: str, stop: asyncio.Event) -> int:
    """Batches of one event, written as the first version did, until told to stop. Gives how many."""
    connection = await asyncpg.connect(url)
    columns = next(line["row"] for line in stored() if line["table"] == "message_deliveries").keys()
    names = ", ".join(columns)
    for number in count(1):
        body = encode(message_sent(f"meanwhile-{number}"))
        event, signature = read(body), sign(body, "1772366400")
        assert isinstance(event, Event)
        key_id = builders.key_id()
        delivery = Delivery(body, signature, "1772366400", key_id, "default", NOON)
        [(_, row)] = DELIVERIES.rows(event, delivery)
        async with connection.transaction():
            await connection.fetch("select name from telnyx.projection_state where status <> 'live' for share")
            await connection.execute(
                f"""insert into telnyx.message_deliveries ({names})
                    select {names} from json_populate_record(null::telnyx.message_deliveries, $1)""",
                MESSAGE_DELIVERIES.document([row])[1:-1],
            )
            await connection.execute(
                EVENT, event.key, event.id, event.type, event.retention_class, event.occurred_at, NOON, body,
                signature, "1772366400", key_id,
            )  # fmt: skip
        if stop.is_set():
            break
        await asyncio.sleep(0.01)
    await connection.close()
    return number


@pytest.mark.parametrize("revision", REVISIONS)
async def test_a_first_version_is_migrated_with_its_traffic_running(
    programs: Programs, empty_database_url: str, revision: str
) -> None:
    url = empty_database_url
    connection = await asyncpg.connect(url)
    await begin(connection, revision)
    stop = asyncio.Event()
    writing = asyncio.create_task(traffic(url, stop))
    migrated = await asyncio.to_thread(programs.run, "migrate", DATABASE_URL=url)
    assert migrated.returncode == 0, migrated.stderr
    stop.set()
    written = await writing
    assert written > 10

    known = REVISIONS[revision]
    new = [projection.name for projection in PROJECTIONS if projection.name not in known]
    due = [line for line in migrated.stdout.splitlines() if "rebuild" in line]
    if new:
        assert programs.run("rebuild", "--check", *known, DATABASE_URL=url).returncode == 0
        [line] = due
        [command] = [part for part in line.split("`") if part.startswith("telnyx-ledger rebuild ")]
        assert set(command.split()[2:]) == set(new)
        rebuilt = programs.run(*command.split()[1:], DATABASE_URL=url)
        assert rebuilt.returncode == 0, rebuilt.stderr
    else:
        assert due == []
    checked = programs.run("rebuild", "--check", DATABASE_URL=url)
    assert checked.returncode == 0, checked.stdout
    for table in {line["table"] for line in stored()} - {"events", "message_deliveries", "projection_state"}:
        rows = sum(line["table"] == table for line in stored())
        assert await connection.fetchval(f"select count(*) from telnyx.{table}") == rows, table
    assert await connection.fetchval("select count(*) from telnyx.events") == written + 20
    verified = programs.run("verify", DATABASE_URL=url)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    await connection.close()
