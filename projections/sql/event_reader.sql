-- Stored events with their evidence, for projections.

-- name: last_position
select coalesce(max(position), 0) from telnyx.events;

-- name: next_position
-- params: $1 after this position
select position from telnyx.events where position > $1 order by position limit 1;

-- name: between_positions
-- params: $1 after this position, $2 last position, $3 exact event types, $4 prefixes of event types, $5 most events,
-- $6 bytes of bodies after which no event follows
-- Bounded by position as well as by number: otherwise a projection of rare events would need an endless statement.
-- A body's length is known without reading the body.
select position, event_key, event_type, account, received_at, body, signature, signed_timestamp, key_id
from (
  select position, event_key, event_type, account, received_at, body, signature, signed_timestamp, key_id,
         sum(octet_length(body)) over (order by position) - octet_length(body) as bytes_before
  from telnyx.events
  where position > $1 and position <= $2
    and (event_type = any ($3::text[])
         or exists (select from unnest($4::text[]) as family (prefix) where starts_with(event_type, family.prefix)))
  order by position
  limit $5
) as page
where bytes_before < $6
order by position;

-- name: by_place
-- params: $1 retention classes, $2 times of occurrence, $3 event keys
-- `offset 0` makes each event one look-up by primary key in one partition.
select stored.*
from unnest($1::text[], $2::timestamptz[], $3::uuid[]) as place (retention_class, occurred_at, event_key)
cross join lateral (
  select event_key, account, received_at, body, signature, signed_timestamp, key_id
  from telnyx.events
  where events.retention_class = place.retention_class and events.occurred_at = place.occurred_at
    and events.event_key = place.event_key
  offset 0
) as stored;

-- name: by_key
-- params: $1 event keys
-- No index begins with the event key: this reads all primary keys once, while an operator waits.
select event_key, account, received_at, body, signature, signed_timestamp, key_id
from telnyx.events
where event_key = any ($1::uuid[]);
