-- The event store: append-only, one row per event_key, positions in the order of commits.

-- name: ensure_partition
-- params: $1 retention class, $2 any time in the month
select telnyx.ensure_partition($1::text, $2::timestamptz);

-- name: lock_append
-- Held until the commit. A login that may not update the table cannot take it: see schemas/sql/tables/turns.sql.
lock table telnyx.turns in share row exclusive mode;

-- name: append
-- params: $1 JSON array of rows without body and signature, $2 bodies, $3 signatures
-- Bodies and signatures are arrays, all other columns one JSON document: ROWS FROM reads the three side by side.
insert into telnyx.events
  (retention_class, occurred_at, event_key, event_id, account, event_type, received_at, signed_timestamp, key_id,
   body, signature)
select *
from rows from (
  json_to_recordset($1::json) as (
    retention_class text, occurred_at timestamptz, event_key uuid, event_id text, account text, event_type text,
    received_at timestamptz, signed_timestamp text, key_id text),
  unnest($2::bytea[]),
  unnest($3::bytea[])
)
on conflict (retention_class, occurred_at, event_key) do nothing
returning event_key;

-- name: stored_accounts
-- params: $1 retention classes, $2 times of occurrence, $3 event keys
-- The lateral query looks up each key in one partition by primary key; `offset 0` keeps the planner from making a join
-- of it.
select stored.event_key, stored.account
from unnest($1::text[], $2::timestamptz[], $3::uuid[]) as wanted (retention_class, occurred_at, event_key)
cross join lateral (
  select event_key, account from telnyx.events
  where events.retention_class = wanted.retention_class
    and events.occurred_at = wanted.occurred_at
    and events.event_key = wanted.event_key
  offset 0
) as stored;
