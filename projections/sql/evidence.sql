-- Everything about one person, for evidence. Each query uses an index, whatever the planner's statistics say.

-- name: of_person
-- params: $1 phone number
select retention_class, occurred_at, event_key from telnyx.person_events where phone_number = $1::text;

-- name: originals
-- params: $1 retention classes, $2 times of occurrence, $3 event keys
-- `offset 0` makes each event one look-up by primary key in one partition.
select e.position, e.event_key, e.account, e.event_type, e.occurred_at, e.received_at, e.recorded_at, e.body, e.signature,
       e.signed_timestamp, e.key_id
from unnest($1::text[], $2::timestamptz[], $3::uuid[]) as named (retention_class, occurred_at, event_key)
cross join lateral (
  select * from telnyx.events stored
  where stored.retention_class = named.retention_class and stored.occurred_at = named.occurred_at
    and stored.event_key = named.event_key
  offset 0
) e
order by e.occurred_at, e.event_key;

-- name: standing
-- params: $1 phone number, $2 messaging profiles, $3 time at which it stands, $4 time at which it was known
select state.*
from unnest($2::text[]) as meant (profile)
cross join lateral (
  select * from telnyx.opt_outs_as_of($3::timestamptz, $4::timestamptz) as known
  where known.messaging_profile_id = meant.profile and known.phone_number = $1::text
  offset 0
) state;

-- name: sent_after_opt_out
-- params: $1 phone number, $2 message ids, $3 sent up to this time
select message_id, messaging_profile_id, status, sent_at, opted_out_at, opt_out_event_key, seconds_after, known_before_send,
       is_confirmation
from telnyx.opt_out_violations
where message_id = any ($2::text[]) and recipient = $1::text and sent_at <= $3::timestamptz
order by sent_at, message_id;

-- name: dead_letters
-- params: $1 projections
select count(*) from telnyx.dead_letters where projection = any ($1::text[]);

-- name: seals_from
-- params: $1 position
-- From the seal that covers the position (or is the last before it) to the newest, and the one before them for its chain.
select seq, first_position, last_position, events, root, chain, sealed_at
from telnyx.event_seals
where seq >= (select max(seq) - 1 from telnyx.event_seals where first_position <= $1::bigint)
order by seq;
