-- Dead letters and suspension, for a projection that fails.

-- name: dead_letter
-- params: $1 projection, $2 event keys, $3 error classes, $4 SQLSTATEs (null where there is none), $5 retention classes and
-- $6 times of occurrence (null where the body is not an event any more)
insert into telnyx.dead_letters as kept
  (projection, event_key, error_class, sqlstate, first_failed_at, attempts, retention_class, occurred_at)
select $1::text, given.event_key, given.error_class, given.sqlstate, now(), 1, given.retention_class, given.occurred_at
from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::timestamptz[]) as given
  (event_key, error_class, sqlstate, retention_class, occurred_at)
on conflict (projection, event_key) do update set
  error_class = excluded.error_class, sqlstate = excluded.sqlstate, attempts = kept.attempts + 1,
  retention_class = coalesce(excluded.retention_class, kept.retention_class),
  occurred_at = coalesce(excluded.occurred_at, kept.occurred_at);

-- name: suspend
-- params: $1 projection, $2 reason
update telnyx.projection_state set status = 'suspended', reason = $2::text, since = now()
where name = $1::text and status = 'live';

-- name: lock_suspended
-- The lock holds back a rebuild that ends meanwhile: it must still see the events that this batch leaves out.
select name from telnyx.projection_state where status <> 'live' for share;
