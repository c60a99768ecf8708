-- What describes this installation rather than the events.

-- name: remember_keys
-- A key that is taken out of the ring still proves what it signed.
insert into telnyx.signing_keys (key_id, account, public_key, not_before, not_after, first_seen_at)
select given.*, now()
from unnest($1::text[], $2::text[], $3::bytea[], $4::timestamptz[], $5::timestamptz[]) as given
  (key_id, account, public_key, not_before, not_after)
order by given.key_id
on conflict (key_id) do update set
  account = excluded.account, not_before = excluded.not_before, not_after = excluded.not_after;

-- name: known_keys
select key_id, account, public_key, not_before, not_after, first_seen_at from telnyx.signing_keys;

-- name: declare_projections
insert into telnyx.projection_state (name, version, status, since)
select given.*, 'live', now() from unnest($1::text[], $2::integer[]) as given (name, version)
order by given.name
on conflict (name) do nothing;

-- name: projection_states
select name, version, status, reason from telnyx.projection_state;
