-- Stored events with their evidence, for projections.

-- name: last_position
select coalesce(max(position), 0) from telnyx.events;

-- name: between_positions
-- params: $1 after this position, $2 last position, $3 exact event types, $4 prefixes of event types, $5 most events
-- Bounded by position as well as by number: otherwise a projection of rare events would need an endless statement.
select position, event_key, event_type, account, received_at, body, signature, signed_timestamp, key_id
from telnyx.events
where position > $1 and position <= $2
  and (event_type = any ($3::text[])
       or exists (select from unnest($4::text[]) as family (prefix) where starts_with(event_type, family.prefix)))
order by position
limit $5;

-- name: by_key
-- params: $1 event keys
-- No index begins with the event key: this reads all primary keys once, while an operator waits.
select event_key, account, received_at, body, signature, signed_timestamp, key_id
from telnyx.events
where event_key = any ($1::uuid[]);
