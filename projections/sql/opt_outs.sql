-- The current opt-out state of the persons that a batch touches: telnyx.opt_outs_as_of at the end of time.

-- name: lock_persons
-- params: $1 messaging profiles, $2 phone numbers
-- The caller sorts the persons: two projectors that touch the same ones wait for each other instead of deadlocking.
select pg_advisory_xact_lock(hashtextextended(profile || chr(31) || phone, 7310005))
from unnest($1::text[], $2::text[]) as person (profile, phone);

-- name: fold_persons
-- params: $1 messaging profiles, $2 phone numbers
insert into telnyx.opt_outs as kept
  (messaging_profile_id, phone_number, account, opted_out, changed_at, basis, keyword, via_number, telnyx_blocked,
   last_event_key)
select now_true.messaging_profile_id, now_true.phone_number, now_true.account, now_true.opted_out, now_true.changed_at,
       now_true.basis, now_true.keyword, now_true.via_number, now_true.telnyx_blocked, now_true.last_event_key
from unnest($1::text[], $2::text[]) as person (profile, phone)
cross join lateral (
  select * from telnyx.opt_outs_as_of('infinity', 'infinity') as state
  where state.messaging_profile_id = person.profile and state.phone_number = person.phone
  offset 0 -- keeps the condition inside, where it reaches the index; otherwise every person would be folded
) as now_true
on conflict (messaging_profile_id, phone_number) do update set
  account = excluded.account, opted_out = excluded.opted_out, changed_at = excluded.changed_at, basis = excluded.basis,
  keyword = excluded.keyword, via_number = excluded.via_number, telnyx_blocked = excluded.telnyx_blocked,
  last_event_key = excluded.last_event_key
where (kept.account, kept.opted_out, kept.changed_at, kept.basis, kept.keyword, kept.via_number, kept.telnyx_blocked,
       kept.last_event_key)
  is distinct from
      (excluded.account, excluded.opted_out, excluded.changed_at, excluded.basis, excluded.keyword,
       excluded.via_number, excluded.telnyx_blocked, excluded.last_event_key);
