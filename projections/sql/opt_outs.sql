-- The current opt-out state of the persons that a batch touches.

-- name: lock_persons
-- params: $1 messaging profiles, $2 phone numbers
-- A person's lock is one of 256 rows, so a batch takes at most 256 locks, whatever it holds: the server has few for all of its sessions.
-- In order: two projectors that touch the same persons wait for each other instead of deadlocking.
select turn from telnyx.turns
where turn = any (array(
  select (hashtextextended(profile || chr(31) || phone, 0) & 255)::smallint
  from unnest($1::text[], $2::text[]) as person (profile, phone)))
order by turn
for update;

-- name: fold_persons
-- params: $1 messaging profiles, $2 phone numbers
-- The rows of telnyx.opt_outs_as_of at the end of time, which a test compares. That function reads all facts of a person. Here each
-- person is a few look-ups by index, however many facts there are: a person who had opted out may have thousands of refused sends.
-- A refused send counts only if no opt-in before it is as late as its attempt.
insert into telnyx.opt_outs as kept
  (messaging_profile_id, phone_number, account, opted_out, changed_at, basis, keyword, via_number, telnyx_blocked,
   last_event_key)
select person.profile, person.phone, decided.account, decided.action = 'opt_out', decided.occurred_at, decided.basis,
       decided.keyword, decided.via_number, coalesce(shown.telnyx_blocked, false), decided.event_key
from unnest($1::text[], $2::text[]) as person (profile, phone)
left join lateral (
  select said.occurred_at, said.event_key
  from telnyx.opt_out_events as said
  where said.messaging_profile_id = person.profile and said.phone_number = person.phone and said.action = 'opt_in'
  order by said.occurred_at desc, said.event_key desc
  limit 1
) as last_yes on true
left join lateral (
  -- The first opt-out after the last opt-in. If there is one, the person has opted out since then.
  select said.*
  from telnyx.opt_out_events as said
  where said.messaging_profile_id = person.profile and said.phone_number = person.phone and said.action = 'opt_out'
    and (said.occurred_at, said.event_key)
      > (coalesce(last_yes.occurred_at, '-infinity'), coalesce(last_yes.event_key, '00000000-0000-0000-0000-000000000000'))
    and (said.basis <> 'blocked_send' or last_yes.occurred_at is null
         or last_yes.occurred_at < least(said.attempted_at, said.occurred_at))
  order by said.occurred_at, said.event_key
  limit 1
) as first_no on true
left join lateral (
  -- The last opt-out that counts. The person has opted in since the first opt-in after it.
  select said.occurred_at, said.event_key
  from telnyx.opt_out_events as said
  where first_no.event_key is null
    and said.messaging_profile_id = person.profile and said.phone_number = person.phone and said.action = 'opt_out'
    and (said.basis <> 'blocked_send' or coalesce((
      select yes.occurred_at < least(said.attempted_at, said.occurred_at)
      from telnyx.opt_out_events as yes
      where yes.messaging_profile_id = person.profile and yes.phone_number = person.phone and yes.action = 'opt_in'
        and (yes.occurred_at, yes.event_key) < (said.occurred_at, said.event_key)
      order by yes.occurred_at desc, yes.event_key desc
      limit 1), true))
  order by said.occurred_at desc, said.event_key desc
  limit 1
) as last_no on true
left join lateral (
  select said.*
  from telnyx.opt_out_events as said
  where first_no.event_key is null
    and said.messaging_profile_id = person.profile and said.phone_number = person.phone and said.action = 'opt_in'
    and (said.occurred_at, said.event_key)
      > (coalesce(last_no.occurred_at, '-infinity'), coalesce(last_no.event_key, '00000000-0000-0000-0000-000000000000'))
  order by said.occurred_at, said.event_key
  limit 1
) as first_yes on true
cross join lateral (
  select first_no.* where first_no.event_key is not null
  union all
  select first_yes.* where first_yes.event_key is not null
) as decided
left join lateral (
  -- The last fact that can show the block rule of Telnyx.
  select said.telnyx_blocked
  from telnyx.opt_out_events as said
  where said.messaging_profile_id = person.profile and said.phone_number = person.phone
    and said.action <> 'help' and said.basis <> 'keyword'
    and (said.basis <> 'blocked_send' or coalesce((
      select yes.occurred_at < least(said.attempted_at, said.occurred_at)
      from telnyx.opt_out_events as yes
      where yes.messaging_profile_id = person.profile and yes.phone_number = person.phone and yes.action = 'opt_in'
        and (yes.occurred_at, yes.event_key) < (said.occurred_at, said.event_key)
      order by yes.occurred_at desc, yes.event_key desc
      limit 1), true))
  order by said.occurred_at desc, said.event_key desc
  limit 1
) as shown on true
on conflict (messaging_profile_id, phone_number) do update set
  account = excluded.account, opted_out = excluded.opted_out, changed_at = excluded.changed_at, basis = excluded.basis,
  keyword = excluded.keyword, via_number = excluded.via_number, telnyx_blocked = excluded.telnyx_blocked,
  last_event_key = excluded.last_event_key
where (kept.account, kept.opted_out, kept.changed_at, kept.basis, kept.keyword, kept.via_number, kept.telnyx_blocked,
       kept.last_event_key)
  is distinct from
      (excluded.account, excluded.opted_out, excluded.changed_at, excluded.basis, excluded.keyword,
       excluded.via_number, excluded.telnyx_blocked, excluded.last_event_key);
