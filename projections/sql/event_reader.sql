-- Events read back from the store, with their evidence.

-- name: last_position
select coalesce(max(position), 0) from telnyx.events;

-- name: between_positions
-- Bounded by position as well as by number, so that a projection of rare events costs no statement without end.
select position, event_key, event_type, account, received_at, body, signature, signed_timestamp, key_id
from telnyx.events
where position > $1 and position <= $2
  and (event_type = any ($3::text[])
       or exists (select from unnest($4::text[]) as family (prefix) where starts_with(event_type, family.prefix)))
order by position
limit $5;

-- name: by_key
-- No index begins with the key: one pass over the primary keys, of which a person waits for the end.
select event_key, account, received_at, body, signature, signed_timestamp, key_id
from telnyx.events
where event_key = any ($1::uuid[]);
