-- Who said stop, who was sent to none the less, and whom only we hold back.

create view telnyx.opt_out_daily with (security_invoker = true) as
select account, messaging_profile_id, day,
       count(*) filter (where action = 'opt_out' and basis <> 'blocked_send') as opt_outs,
       count(*) filter (where action = 'opt_in') as opt_ins,
       count(*) filter (where action = 'help') as helps,
       count(*) filter (where basis = 'blocked_send') as blocked_sends
from (
  select account, messaging_profile_id, action, basis, (occurred_at at time zone 'UTC')::date as day
  from telnyx.opt_out_events
) e
group by account, messaging_profile_id, day;

comment on view telnyx.opt_out_daily is
  'How many people wrote STOP, START or HELP each day, and how many sends Telnyx refused because of a STOP: one row per account, messaging profile and day.';
comment on column telnyx.opt_out_daily.account is 'The account.';
comment on column telnyx.opt_out_daily.messaging_profile_id is 'The messaging profile; empty text if the webhooks name none.';
comment on column telnyx.opt_out_daily.day is 'The day (UTC) on which they wrote, or on which the send was refused.';
comment on column telnyx.opt_out_daily.opt_outs is 'Messages by which someone opted out. Repeating it counts again.';
comment on column telnyx.opt_out_daily.opt_ins is 'Messages by which someone opted in again.';
comment on column telnyx.opt_out_daily.helps is 'Messages that asked for help.';
comment on column telnyx.opt_out_daily.blocked_sends is 'Sends that Telnyx refused because the recipient had opted out (40300).';

-- Cost: first the deliveries whose recipient has any opt-out before them: one hash of opt_out_events, or one look at its index per
-- delivery, whichever is less. Only these few are folded, each with the history of one person (`offset 0` keeps the condition inside).
-- Just before = at most a microsecond before: timestamps have no finer grain, and opt_outs_as_of includes its moment.
-- Readings: an opt-out of the row's own profile is shown before one without profile. "In the same account" is asked of those without
-- profile only, because ids of profiles are nobody else's; the account of an opt-out is that of its deciding event. A STOP is the
-- deciding event where that is a message of the person, never a refused send; five minutes sharp are still within five minutes.
create view telnyx.opt_out_violations with (security_invoker = true) as
select d.message_id, d.recipient, d.account, d.messaging_profile_id, d.status, d.sent_at,
       stood.changed_at as opted_out_at,
       stood.basis,
       stood.last_event_key as opt_out_event_key,
       extract(epoch from d.sent_at - stood.changed_at) as seconds_after,
       (select decided.received_at from telnyx.opt_out_events decided
        where decided.event_key = stood.last_event_key and decided.phone_number = d.recipient) < d.sent_at as known_before_send,
       coalesce(stood.basis <> 'blocked_send' and d.sender = stood.via_number
                and d.sent_at <= stood.changed_at + interval '5 minutes', false) as is_confirmation
from telnyx.message_deliveries d
cross join lateral (
  select state.*
  from (values (d.messaging_profile_id), ('')) as meant (profile)
  cross join lateral (
    select * from telnyx.opt_outs_as_of(d.sent_at - interval '1 microsecond') as known
    where known.messaging_profile_id = meant.profile and known.phone_number = d.recipient
    offset 0
  ) state
  where state.opted_out and (state.messaging_profile_id <> '' or state.account = d.account)
  order by state.messaging_profile_id = ''
  limit 1
) stood
where d.sent_at is not null
  and not d.error_codes @> array['40300'::text collate "C"]
  and exists (
    select from telnyx.opt_out_events said
    where said.phone_number = d.recipient and said.messaging_profile_id = any (array[d.messaging_profile_id, ''])
      and said.action = 'opt_out' and said.occurred_at < d.sent_at
  );

comment on view telnyx.opt_out_violations is
  'Messages that were sent to someone who had opted out at that moment, as far as is known now: one row per delivery. Look at is_confirmation and known_before_send before you blame anybody.';
comment on column telnyx.opt_out_violations.message_id is 'Telnyx''s id of the message.';
comment on column telnyx.opt_out_violations.recipient is 'The person.';
comment on column telnyx.opt_out_violations.account is 'The account that sent it.';
comment on column telnyx.opt_out_violations.messaging_profile_id is 'The messaging profile it was sent with.';
comment on column telnyx.opt_out_violations.status is 'Where its delivery stands.';
comment on column telnyx.opt_out_violations.sent_at is 'When it was sent.';
comment on column telnyx.opt_out_violations.opted_out_at is 'Since when the person had opted out.';
comment on column telnyx.opt_out_violations.basis is
  'How the opt-out is known: autoresponse (Telnyx recognised the keyword), keyword (we recognised it in the text), blocked_send (Telnyx had refused an earlier message).';
comment on column telnyx.opt_out_violations.opt_out_event_key is 'The event that proves the opt-out: see events and opt_out_evidence.';
comment on column telnyx.opt_out_violations.seconds_after is 'How many seconds after the opt-out it was sent.';
comment on column telnyx.opt_out_violations.known_before_send is 'Whether the opt-out had reached us before the message was sent. False: nobody here could have known.';
comment on column telnyx.opt_out_violations.is_confirmation is
  'True if it was sent from the number that the STOP was written to, within five minutes of it: the one confirmation that is allowed.';

-- Reading: both times are of the profiles opted out of; an opt-in to another profile is no part of the answer.
create view telnyx.opt_outs_any_profile with (security_invoker = true) as
select account, phone_number,
       array_agg(messaging_profile_id order by messaging_profile_id) as profiles,
       min(changed_at) as first_opted_out_at,
       max(changed_at) as last_changed_at
from telnyx.opt_outs
where opted_out
group by account, phone_number;

comment on view telnyx.opt_outs_any_profile is
  'People who have opted out of at least one messaging profile of an account: for those who then suppress a person everywhere.';
comment on column telnyx.opt_outs_any_profile.account is 'The account.';
comment on column telnyx.opt_outs_any_profile.phone_number is 'The person.';
comment on column telnyx.opt_outs_any_profile.profiles is 'The messaging profiles that the person has opted out of; empty text stands for webhooks that name none.';
comment on column telnyx.opt_outs_any_profile.first_opted_out_at is 'The earliest of these opt-outs.';
comment on column telnyx.opt_outs_any_profile.last_changed_at is 'The latest of these opt-outs.';

-- Readings: an auto-response counts whatever its keyword, a message without one only by the words that carriers know. changed_at is what
-- it is in opt_outs: the first of the unbroken run of equal actions. account is that of the latest event.
create view telnyx.toll_free_blocks with (security_invoker = true) as
select via_number, phone_number, account, blocked, changed_at
from (
  select via_number, phone_number, action = 'opt_out' as blocked,
         -- the first of the latest run is the latest that starts one
         occurred_at as changed_at,
         starts_run,
         row_number() over (partition by via_number, phone_number, starts_run order by occurred_at desc, event_key desc) as nth_latest,
         first_value(account) over (partition by via_number, phone_number order by occurred_at desc, event_key desc) as account
  from (
    select via_number, phone_number, account, action, occurred_at, event_key,
           lag(action) over (partition by via_number, phone_number order by occurred_at, event_key) is distinct from action as starts_run
    from telnyx.opt_out_events
    where action in ('opt_out', 'opt_in') and (basis = 'autoresponse' or keyword in ('STOP', 'START', 'UNSTOP'))
      and telnyx.is_toll_free(via_number)
  ) said
) run
where starts_run and nth_latest = 1;

comment on view telnyx.toll_free_blocks is
  'Who is blocked by the carriers for which of our toll-free numbers. Carriers keep this list per number, whatever the messaging profile''s own rule says: only START or UNSTOP to the same number lifts it.';
comment on column telnyx.toll_free_blocks.via_number is 'Our toll-free number.';
comment on column telnyx.toll_free_blocks.phone_number is 'The person who wrote STOP or START to it.';
comment on column telnyx.toll_free_blocks.account is 'The account whose key signed the latest of these messages.';
comment on column telnyx.toll_free_blocks.blocked is 'True: carriers stop messages from this number to this person. False: they let them through again.';
comment on column telnyx.toll_free_blocks.changed_at is 'Since when. Repeating a STOP or START changes nothing.';

create view telnyx.uncovered_revocations with (security_invoker = true) as
select messaging_profile_id, phone_number, account, opted_out, changed_at, basis, keyword, via_number, telnyx_blocked, last_event_key
from telnyx.opt_outs
where opted_out and not telnyx_blocked;

comment on view telnyx.uncovered_revocations is
  'People who have opted out in words that Telnyx does not act on: nothing but your own software keeps messages from them.';
comment on column telnyx.uncovered_revocations.messaging_profile_id is 'The messaging profile; empty text if the webhooks name none.';
comment on column telnyx.uncovered_revocations.phone_number is 'The person.';
comment on column telnyx.uncovered_revocations.account is 'The account whose key signed the event that decides.';
comment on column telnyx.uncovered_revocations.opted_out is 'True here.';
comment on column telnyx.uncovered_revocations.changed_at is 'Since when the person has opted out.';
comment on column telnyx.uncovered_revocations.basis is 'How the opt-out is known; mostly keyword here: we recognised it in the text.';
comment on column telnyx.uncovered_revocations.keyword is 'The words that we recognised.';
comment on column telnyx.uncovered_revocations.via_number is 'Our number that was written to.';
comment on column telnyx.uncovered_revocations.telnyx_blocked is 'False here: Telnyx does not block messages to this person, as far as its webhooks show.';
comment on column telnyx.uncovered_revocations.last_event_key is 'The event that proves it: see events and opt_out_evidence.';
