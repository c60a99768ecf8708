-- What stays behind when a projection is at fault.

-- name: dead_letter
insert into telnyx.dead_letters (projection, event_key, error_class, sqlstate, first_failed_at, attempts)
select $1::text, given.event_key, given.error_class, given.sqlstate, now(), 1
from unnest($2::uuid[], $3::text[], $4::text[]) as given (event_key, error_class, sqlstate)
on conflict (projection, event_key) do update set
  error_class = excluded.error_class, sqlstate = excluded.sqlstate, attempts = dead_letters.attempts + 1;

-- name: suspend
update telnyx.projection_state set status = 'suspended', reason = $2::text, since = now()
where name = $1::text and status = 'live';

-- name: lock_suspended
-- Locked against a rebuild that ends meanwhile: what this batch leaves out, the rebuild must still see.
select name from telnyx.projection_state where status <> 'live' for share;
