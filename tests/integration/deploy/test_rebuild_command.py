"""`rebuild --check` names the rows of months that were given up, and is not red for them."""

import asyncio
import json
from datetime import UTC, datetime

from tests.support.environment.programs import Programs
from tests.support.projections.apply import apply, closing, new_projector
from tests.support.sql.connections import connected
from tests.support.streams import Webhook
from tests.support.webhooks import builders

MAY = datetime(2026, 5, 15, 12, tzinfo=UTC)


async def store_and_give_up(database_url: str) -> None:
    refused = builders.send_refused("m", "+13125550101", at=MAY)
    async with closing(new_projector(database_url)) as projector:
        await apply(projector, [[Webhook(builders.encode(refused), "a", MAY)]])
    async with connected(database_url) as connection:
        await connection.execute("drop table telnyx_partitions.events_traffic_2026_05")


def test_kept_rows_are_named_apart_and_are_no_difference(programs: Programs, database_url: str) -> None:
    asyncio.run(store_and_give_up(database_url))
    for arguments in (["--check"], [], ["--check"]):
        shown = programs.run("rebuild", "opt_outs", *arguments, DATABASE_URL=database_url)
        assert shown.returncode == 0, shown.stderr
        kept, summary = shown.stdout.splitlines()
        assert kept.startswith("opt_out_events: 1 kept: event_key=")
        assert kept.endswith(" phone_number=+13125550101 (their events were given up)")
        assert summary == "opt_outs: 0 events, no difference, live"
    listed = programs.run("rebuild", "opt_outs", "--check", "--json", DATABASE_URL=database_url)
    assert [(row["table"], row["kind"], row["rows"]) for row in json.loads(listed.stdout)] == [
        ("opt_out_events", "kept", 1)
    ]
    opted_out = programs.run("sql", "select opted_out from opt_outs", "--json", DATABASE_URL=database_url)
    assert json.loads(opted_out.stdout) == [{"opted_out": True}]
