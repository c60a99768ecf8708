-- The event store: append-only, one row per event_key, positions in the order of commits.

-- name: ensure_partition
select telnyx.ensure_partition($1::text, $2::timestamptz);

-- name: lock_append
select pg_advisory_xact_lock(7310001);

-- name: append
insert into telnyx.events
  (retention_class, occurred_at, event_key, event_id, account, event_type, received_at, body, signature,
   signed_timestamp, key_id)
select * from unnest($1::text[], $2::timestamptz[], $3::uuid[], $4::text[], $5::text[], $6::text[],
                     $7::timestamptz[], $8::bytea[], $9::bytea[], $10::text[], $11::text[])
on conflict (retention_class, occurred_at, event_key) do nothing
returning event_key;

-- name: stored_accounts
-- Through lateral, so that each key probes one partition by its primary key; `offset 0` forbids to make a join of it.
select stored.event_key, stored.account
from unnest($1::text[], $2::timestamptz[], $3::uuid[]) as wanted (retention_class, occurred_at, event_key)
cross join lateral (
  select event_key, account from telnyx.events
  where events.retention_class = wanted.retention_class
    and events.occurred_at = wanted.occurred_at
    and events.event_key = wanted.event_key
  offset 0
) as stored;
