"""A log of every move and claim of a stored offset, written by a trigger in the same transaction, and its laws.

An interval has the owner of the row and, separately, the session that moved it: a member names its session after
itself (`name_session`). A move by another process than the owner is seen even if the statement under test does not
compare owners. Intervals that tile a log prove that every record was applied once.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import asyncpg

SCHEMA = """
create table if not exists public.offset_log (
  seq bigserial primary key, at timestamptz not null default clock_timestamp(), claimed boolean not null,
  topic text not null, partition int not null, from_offset bigint not null, to_offset bigint not null,
  owner text, mover text not null);
create index if not exists offset_log_claims on public.offset_log (topic, partition, seq) where claimed;
create index if not exists offset_log_intervals on public.offset_log (topic, partition, seq) where not claimed;
create or replace function public.log_offset() returns trigger language plpgsql as $$
begin
  if new.next_offset <> old.next_offset or new.owner is distinct from old.owner then
    insert into public.offset_log (claimed, topic, partition, from_offset, to_offset, owner, mover)
    values (new.next_offset = old.next_offset, new.topic, new.partition, old.next_offset, new.next_offset, new.owner,
      current_setting('application_name'));
  end if;
  return new;
end $$;
create or replace trigger log_offset after update on telnyx.projection_offsets
  for each row execute function public.log_offset();
"""
INTERVALS = """
select from_offset, to_offset from offset_log
where not claimed and topic = $1 and partition = $2 and seq > $3 order by seq
"""
# The intervals whose owner or session is not the one of the last claim before them.
STALE = """
select moved.* from offset_log as moved
where not moved.claimed and (moved.owner, moved.mover) is distinct from (
  select row(owner, left(owner, 63)) from offset_log as claim
  where claim.claimed and claim.topic = moved.topic and claim.partition = moved.partition and claim.seq < moved.seq
  order by seq desc limit 1)
"""
# For each partition that `owner` held at a moment: the first interval by another owner after it.
SUCCESSION = """
with held as (
  select distinct on (topic, partition) topic, partition, owner from offset_log
  where at <= $2 and topic = $3 order by topic, partition, seq desc
)
select held.topic, held.partition,
  (select min(at) from offset_log as later
   where not later.claimed and later.at > $2 and later.owner <> $1
     and later.topic = held.topic and later.partition = held.partition) as taken_over
from held where held.owner = $1
"""


async def install_offset_log(connection: asyncpg.Connection) -> None:
    """Create the table and the trigger in the test's database."""
    await connection.execute(SCHEMA)


async def name_session(connection: asyncpg.Connection, owner: str) -> None:
    """Name a member's session after it; Postgres keeps 63 bytes of that."""
    await connection.execute("select set_config('application_name', left($1, 63), false)", owner)


async def applied(
    connection: asyncpg.Connection, topic: str, partition: int = 0, *, after: int = 0
) -> list[tuple[int, int]]:
    """The intervals of one partition, in the order in which they were committed."""
    return [(row[0], row[1]) for row in await connection.fetch(INTERVALS, topic, partition, after)]


async def moves_by_stale_owners(connection: asyncpg.Connection) -> Sequence[Mapping[str, object]]:
    """Intervals that another process moved than the one that claimed the partition last."""
    return [dict(row) for row in await connection.fetch(STALE)]


async def takeover(connection: asyncpg.Connection, topic: str, owner: str, since: datetime) -> float | None:
    """Seconds from `since` until a successor moved every partition that `owner` held; None before."""
    seen = [row["taken_over"] for row in await connection.fetch(SUCCESSION, owner, since, topic)]
    if not seen or None in seen:
        return None
    return float(max((at - since).total_seconds() for at in seen))


async def stored_offset(connection: asyncpg.Connection, topic: str, partition: int = 0) -> int | None:
    """The stored next offset."""
    found: int | None = await connection.fetchval(
        "select next_offset from telnyx.projection_offsets where topic = $1 and partition = $2", topic, partition
    )
    return found


def tile(intervals: Sequence[tuple[int, int]], end: int, *, start: int = 0) -> bool:
    """Whether intervals follow each other from `start` to `end` without gap or overlap."""
    reached = start
    for begin, until in intervals:
        if begin != reached or until <= begin:
            return False
        reached = until
    return reached == end
