-- Dead letters and suspension, for a projection that fails.

-- name: dead_letter
-- params: $1 projection, $2 event keys, $3 error classes, $4 SQLSTATEs (null where there is none)
insert into telnyx.dead_letters (projection, event_key, error_class, sqlstate, first_failed_at, attempts)
select $1::text, given.event_key, given.error_class, given.sqlstate, now(), 1
from unnest($2::uuid[], $3::text[], $4::text[]) as given (event_key, error_class, sqlstate)
on conflict (projection, event_key) do update set
  error_class = excluded.error_class, sqlstate = excluded.sqlstate, attempts = dead_letters.attempts + 1;

-- name: suspend
-- params: $1 projection, $2 reason
update telnyx.projection_state set status = 'suspended', reason = $2::text, since = now()
where name = $1::text and status = 'live';

-- name: lock_suspended
-- The lock holds back a rebuild that ends meanwhile: it must still see the events that this batch leaves out.
select name from telnyx.projection_state where status <> 'live' for share;
