"""Makes stored events old enough to be sealed, to spare a test ten minutes of waiting."""

import asyncpg

from tests.support.environment.waiting import eventually

UNLOCKED = """
    create or replace function telnyx.refuse_change() returns trigger language plpgsql
      as 'begin if tg_op = ''DELETE'' then return old; end if; return new; end';
    create or replace function telnyx.refuse_change_of_seals() returns trigger language plpgsql
      as 'begin if tg_op = ''DELETE'' then return old; end if; return new; end';
"""


async def seals_what_has_waited(connection: asyncpg.Connection) -> None:
    """Makes the events an hour older, despite the triggers, and waits until they are sealed."""
    await connection.execute(f"{UNLOCKED} update telnyx.events set recorded_at = recorded_at - interval '1 hour'")
    seals = "select count(*) from telnyx.event_seals"
    await eventually(lambda: connection.fetchval(seals), lambda found: found > 0, timeout_seconds=30)
