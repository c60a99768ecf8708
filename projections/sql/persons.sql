-- The index of persons, filled in order of position.

-- name: lock_position
-- Nothing where another session fills: it does the same work.
select position from telnyx.person_events_filled for update skip locked;

-- name: filled_position
select position from telnyx.person_events_filled;

-- name: move_position
update telnyx.person_events_filled set position = $1::bigint, filled_at = clock_timestamp();

-- name: after_position
-- Bounded by position as well as by number, so that no statement reads without end.
select position, occurred_at, event_key, retention_class, body
from telnyx.events
where position > $1 and position <= $2 and event_type = any ($3::text[])
order by position
limit $4;
