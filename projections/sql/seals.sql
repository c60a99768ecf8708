-- Seals over the events, in sequence.

-- name: lock
-- One seal at a time. The statements after it are new, so they see the seal that the holder before committed.
select seals from telnyx.seal_count for update;

-- name: try_lock
select seals from telnyx.seal_count for update skip locked;

-- name: newest
select seq, first_position, last_position, events, root, chain, sealed_at from telnyx.event_seals order by seq desc limit 1;

-- name: due
-- params: $1 last sealed position, $2 events of a full seal, $3 age at which an event is sealed
-- Whether the events for a full seal wait, or one event that is old enough. An index alone answers the first.
select exists (select from (select position from telnyx.events where position > $1 order by position offset $2 - 1 limit 1) as full_seal)
    or coalesce((select recorded_at from telnyx.events where position > $1 order by position limit 1) < clock_timestamp() - $3::interval, false);

-- name: leaves
-- params: $1 after this position, $2 most events
-- Postgres hashes the bodies, so they are not sent. projections.integrity.merkle.leaf_hash is the definition.
select position, sha256('\x00'::bytea || int8send(position) || uuid_send(event_key) || sha256(body)) as leaf
from telnyx.events
where position > $1
order by position
limit $2;

-- name: add
-- params: $1 seq, $2 first position, $3 last position, $4 events, $5 root, $6 chain
insert into telnyx.event_seals (seq, first_position, last_position, events, root, chain)
values ($1, $2, $3, $4, $5, $6)
returning seq, first_position, last_position, events, root, chain, sealed_at;

-- name: add_groups
-- params: $1 seq, $2 first positions, $3 roots
insert into telnyx.seal_groups (seq, first_positions, roots) values ($1, $2, $3);

-- name: groups
-- params: $1 seqs
select seq, first_positions, roots from telnyx.seal_groups where seq = any ($1::bigint[]);

-- name: leaves_between
-- params: $1 first positions, $2 last positions
-- A few leaves of each of many stretches of positions.
select stretch.nth, leaf.*
from unnest($1::bigint[], $2::bigint[]) with ordinality as stretch (first_position, last_position, nth)
cross join lateral (
  select position, sha256('\x00'::bytea || int8send(position) || uuid_send(event_key) || sha256(body)) as leaf
  from telnyx.events
  where position between stretch.first_position and stretch.last_position
  order by position
) leaf
order by stretch.nth, leaf.position;

-- name: count
-- params: $1 seals
update telnyx.seal_count set seals = $1;
