-- Reads the stored evidence for verification. Nothing is written.

-- name: identity
-- Identifies the database: the id of the server's cluster, and the database's oid there.
select (select system_identifier from pg_control_system())::text || '-' || oid::text
from pg_database where datname = current_database();

-- name: may_read_bodies
select has_column_privilege('telnyx.events', 'body', 'select')
   and has_column_privilege('telnyx.quarantined_webhooks', 'body', 'select');

-- name: seals
select seq, first_position, last_position, events, root, chain, sealed_at from telnyx.event_seals order by seq;

-- name: seal_count
select seals from telnyx.seal_count;

-- name: chunks
-- params: $1 first position, $2 last position, $3 events in a chunk
-- Divides a range of positions by an index alone. The last chunk may be smaller, or empty.
with recursive chunk (first_position, last_position) as (
  select $1::bigint,
         (select position from telnyx.events where position between $1 and $2 order by position offset $3::bigint - 1 limit 1)
  union all
  select last_position + 1,
         (select position from telnyx.events where position between chunk.last_position + 1 and $2 order by position offset $3::bigint - 1 limit 1)
  from chunk where last_position < $2
)
select first_position, coalesce(last_position, $2) as last_position from chunk;

-- name: events
-- params: $1 first position, $2 last position, $3 the shortest body, $4 the shortest that is too long
-- A body's length is known without reading the body: long ones are read in smaller pages.
-- Without an order, Postgres reads many pages at once; by an index it would go from page to page (2 µs an event).
select position, event_key, event_id, event_type, retention_class, occurred_at, body, signature, signed_timestamp, key_id
from telnyx.events
where position between $1 and $2 and octet_length(body) >= $3 and octet_length(body) < $4;

-- name: keys_twice
-- The primary key excludes duplicates only within one retention class and one time of occurrence.
select event_key, count(*) as times from telnyx.events group by event_key having count(*) > 1 order by event_key;

-- name: quarantined
-- params: $1 the shortest body, $2 the shortest that is too long
select quarantine_key, reason, body, signature, signed_timestamp, key_id
from telnyx.quarantined_webhooks
where octet_length(body) >= $1 and octet_length(body) < $2;
