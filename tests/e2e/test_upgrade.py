"""A database of the first version is migrated under traffic: no row is lost or wrong.

`tests/data/first_version.jsonl` holds the rows that the first version stored, one table row per line. It is never
generated again.
"""

import asyncio
import json
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg

from projections.registry import PROJECTIONS
from projections.tables.deliveries import DELIVERIES, MESSAGE_DELIVERIES
from projections.tables.persons import PERSONS
from schemas.kafka.record import Delivery
from schemas.reading.event import Event, read
from schemas.sql.migrate import migrate
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
# The first version had every projection but this one.
KNOWN = {projection.name for projection in PROJECTIONS} - {PERSONS.name}


def stored() -> list[dict[str, Any]]:
    return [json.loads(line, parse_float=str) for line in FIRST_VERSION.read_text().splitlines()]  # 5.00 is not 5.0


async def begin(connection: asyncpg.Connection, url: str) -> None:
    """The database as the first version left it: shown months are marked by a comment, not in a table."""
    await migrate(url, lambda _: None)
    await connection.execute("select telnyx.ensure_partitions($1, 1)", NOON)
    await connection.execute("drop table telnyx_partitions.months")
    await connection.execute("comment on table telnyx_partitions.events_traffic_2026_03 is 'known to every session'")
    for line in stored():
        table, row = line["table"], line["row"]
        names = ", ".join(name for name in (await connection.fetchval(COLUMNS, table)).split(", ") if name in row)
        await connection.execute(
            f"""insert into telnyx.{table} ({names})
                select {names} from json_populate_record(null::telnyx.{table}, $1)""",
            json.dumps(row),
        )
    await connection.execute("select setval('telnyx.events_position_seq', (select max(position) from telnyx.events))")


async def traffic(url: str, stop: asyncio.Event) -> int:
    """Batches of one event, written as the first version did, until `stop` is set. Returns their number."""
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


async def test_the_first_version_is_migrated_under_traffic(programs: Programs, empty_database_url: str) -> None:
    url = empty_database_url
    connection = await asyncpg.connect(url)
    await begin(connection, url)
    stop = asyncio.Event()
    writing = asyncio.create_task(traffic(url, stop))
    migrated = await asyncio.to_thread(programs.run, "migrate", DATABASE_URL=url)
    assert migrated.returncode == 0, migrated.stderr
    stop.set()
    written = await writing
    assert written > 10

    assert programs.run("rebuild", "--check", *KNOWN, DATABASE_URL=url).returncode == 0
    [due] = [line for line in migrated.stdout.splitlines() if "rebuild" in line]
    assert f"`telnyx-ledger rebuild {PERSONS.name}`" in due
    rebuilt = programs.run("rebuild", PERSONS.name, DATABASE_URL=url)
    assert rebuilt.returncode == 0, rebuilt.stderr
    checked = programs.run("rebuild", "--check", DATABASE_URL=url)
    assert checked.returncode == 0, checked.stdout
    for table in {line["table"] for line in stored()} - {"events", "message_deliveries", "projection_state"}:
        rows = sum(line["table"] == table for line in stored())
        assert await connection.fetchval(f"select count(*) from telnyx.{table}") == rows, table
    assert await connection.fetchval("select count(*) from telnyx.events") == written + 20
    verified = programs.run("verify", DATABASE_URL=url)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    await connection.close()
