-- Seals over the events, one after the other.

-- name: lock
-- One seal at a time. Its holder sees what the one before committed, because the statements that follow are new ones.
select seals from telnyx.seal_count for update;

-- name: try_lock
select seals from telnyx.seal_count for update skip locked;

-- name: newest
select seq, first_position, last_position, events, root, chain, sealed_at from telnyx.event_seals order by seq desc limit 1;

-- name: due
-- Whether so many events ($2) are not sealed, or one that is older than the given time. The first is answered by an index alone.
select exists (select from (select position from telnyx.events where position > $1 order by position offset $2 - 1 limit 1) as full_seal)
    or coalesce((select recorded_at from telnyx.events where position > $1 order by position limit 1) < clock_timestamp() - $3::interval, false);

-- name: leaves
-- The body is hashed here, so that it need not travel; schemas.merkle.leaf_hash is the definition.
select position, sha256('\x00'::bytea || int8send(position) || uuid_send(event_key) || sha256(body)) as leaf
from telnyx.events
where position > $1
order by position
limit $2;

-- name: add
insert into telnyx.event_seals (seq, first_position, last_position, events, root, chain)
values ($1, $2, $3, $4, $5, $6)
returning seq, first_position, last_position, events, root, chain, sealed_at;

-- name: add_groups
insert into telnyx.seal_groups (seq, first_positions, roots) values ($1, $2, $3);

-- name: groups
select seq, first_positions, roots from telnyx.seal_groups where seq = any ($1::bigint[]);

-- name: leaves_between
-- Few leaves each of many stretches of positions.
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
update telnyx.seal_count set seals = $1;
