-- The state of a projection that is brought back.

-- name: try_lock
-- Held by the session: one rebuild of a projection at a time.
select pg_try_advisory_lock(7310006, hashtext($1::text));

-- name: begin
insert into telnyx.projection_state (name, version, status, reason, since)
values ($1, $2, 'rebuilding', $3, now())
on conflict (name) do update set status = excluded.status, reason = excluded.reason, since = excluded.since;

-- name: stop_projectors
-- Waits for every batch under way, each of which has asked `not_live`, and holds back the next ones until we commit. A
-- lock of the table rather than the row: its queue is fair, so that batches without a pause between them cannot starve
-- us. Who only reads is not held back.
lock table telnyx.projection_state in exclusive mode;

-- name: resolve_all_but
delete from telnyx.dead_letters where projection = $1 and event_key <> all ($2::uuid[]);

-- name: end
update telnyx.projection_state set version = $2, status = $3, reason = $4, since = now() where name = $1;
