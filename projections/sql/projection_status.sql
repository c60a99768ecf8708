-- Signing keys and the status of projections.

-- name: remember_keys
-- params: $1 key ids, $2 accounts, $3 public keys, $4 valid from (null: always), $5 valid until (null: always)
-- A key that left the ring still verifies the events that it signed.
insert into telnyx.signing_keys (key_id, account, public_key, not_before, not_after, first_seen_at)
select given.*, now()
from unnest($1::text[], $2::text[], $3::bytea[], $4::timestamptz[], $5::timestamptz[]) as given
  (key_id, account, public_key, not_before, not_after)
order by given.key_id
on conflict (key_id) do update set
  account = excluded.account, not_before = excluded.not_before, not_after = excluded.not_after;

-- name: known_keys
select key_id, account, public_key, not_before, not_after, first_seen_at from telnyx.signing_keys;

-- name: register_projections
-- params: $1 names, $2 versions
-- A new projection in a store that has events is suspended until they are in its tables: half a table looks complete.
insert into telnyx.projection_state (name, version, status, reason, since)
select given.name, case when stored.any then 0 else given.version end,
       case when stored.any then 'suspended' else 'live' end,
       case when stored.any then 'events were stored before it was there: `telnyx-ledger rebuild ' || given.name || '`' end, now()
from unnest($1::text[], $2::integer[]) as given (name, version)
cross join (select exists (select from telnyx.events) as any) as stored
order by given.name
on conflict (name) do nothing;

-- name: rebuilds_due
-- params: $1 names, $2 versions
select given.name
from unnest($1::text[], $2::integer[]) with ordinality as given (name, version, nth)
left join telnyx.projection_state as known using (name)
where case when known.name is null then exists (select from telnyx.events) else known.version <> given.version end
order by given.nth;

-- name: projection_states
select name, version, status, reason from telnyx.projection_state;
