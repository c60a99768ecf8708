-- Messages sent to people who had opted out, by two index lookups per message that follows an opt-out. A fold of the person's whole history
-- took 50 µs (1.35 s for 27,000 violations).
-- Two lookups are enough. A person stood opted out if an opt-out that counts follows their latest opt-in before the send. Every event
-- between the two is an opt-out, so the first of them begins the run and decides. docs/semantics.md lets a refused send count by the
-- latest opt-in before it: here that is the same opt-in.
-- Most ledgers have no opt-out without a profile. That is asked once, not for each message.
-- Readings: an opt-out of the row's own profile is shown before one without a profile. "In the same account" is asked only of opt-outs
-- without a profile, because an id of a profile belongs to one account. The account of an opt-out is that of its deciding event. A STOP
-- is the deciding event if it is a message of the person, never a refused send. Exactly five minutes are still within five minutes.

create or replace view telnyx.opt_out_violations with (security_invoker = true) as
select d.message_id, d.recipient, d.account, d.messaging_profile_id, d.status, d.sent_at,
       stood.occurred_at as opted_out_at,
       stood.basis,
       stood.event_key as opt_out_event_key,
       extract(epoch from d.sent_at - stood.occurred_at) as seconds_after,
       stood.received_at < d.sent_at as known_before_send,
       coalesce(stood.basis <> 'blocked_send' and d.sender = stood.via_number
                and d.sent_at <= stood.occurred_at + interval '5 minutes', false) as is_confirmation
from telnyx.message_deliveries d
cross join lateral (
  select first_no.*
  from (
    select profile
    from (values (d.messaging_profile_id), ('')) as candidate (profile)
    where profile <> '' or exists (select from telnyx.opt_out_events where messaging_profile_id = '')
  ) meant
  left join lateral (
    select said.occurred_at, said.event_key
    from telnyx.opt_out_events said
    where said.messaging_profile_id = meant.profile and said.phone_number = d.recipient
      and said.action = 'opt_in' and said.occurred_at < d.sent_at
    order by said.occurred_at desc, said.event_key desc
    limit 1
  ) last_yes on true
  cross join lateral (
    select said.account, said.occurred_at, said.event_key, said.basis, said.via_number, said.received_at
    from telnyx.opt_out_events said
    where said.messaging_profile_id = meant.profile and said.phone_number = d.recipient
      and said.action = 'opt_out' and said.occurred_at < d.sent_at
      and (said.occurred_at, said.event_key)
        > (coalesce(last_yes.occurred_at, '-infinity'), coalesce(last_yes.event_key, '00000000-0000-0000-0000-000000000000'))
      and (said.basis <> 'blocked_send' or last_yes.occurred_at is null
           or last_yes.occurred_at < least(said.attempted_at, said.occurred_at))
    order by said.occurred_at, said.event_key
    limit 1
  ) first_no
  where meant.profile <> '' or first_no.account = d.account
  order by meant.profile = ''
  limit 1
) stood
where d.sent_at is not null
  and '40300' <> all (d.error_codes)
  and exists (
    select from telnyx.opt_out_events said
    where said.phone_number = d.recipient and said.messaging_profile_id = any (array[d.messaging_profile_id, ''])
      and said.action = 'opt_out' and said.occurred_at < d.sent_at
  );

comment on view telnyx.opt_out_violations is
  'Messages sent to a person who had opted out at that moment, as far as is known now: one row per message and recipient. Before you draw conclusions, look at is_confirmation and known_before_send.';
comment on column telnyx.opt_out_violations.message_id is 'Telnyx''s id of the message.';
comment on column telnyx.opt_out_violations.recipient is 'The person.';
comment on column telnyx.opt_out_violations.account is 'Account that sent it.';
comment on column telnyx.opt_out_violations.messaging_profile_id is 'Messaging profile that it was sent with.';
comment on column telnyx.opt_out_violations.status is 'Delivery status of the message.';
comment on column telnyx.opt_out_violations.sent_at is 'Time at which it was sent.';
comment on column telnyx.opt_out_violations.opted_out_at is 'Time since which the person had opted out.';
comment on column telnyx.opt_out_violations.basis is
  'Source of the opt-out: autoresponse (Telnyx recognised the keyword), keyword (we recognised it in the text), blocked_send (Telnyx had refused an earlier message).';
comment on column telnyx.opt_out_violations.opt_out_event_key is 'Event that proves the opt-out: see events and opt_out_evidence.';
comment on column telnyx.opt_out_violations.seconds_after is 'Seconds between the opt-out and the send.';
comment on column telnyx.opt_out_violations.known_before_send is
  'True if the opt-out had reached us before the message was sent. False: the sender could not have known.';
comment on column telnyx.opt_out_violations.is_confirmation is
  'True if it was sent from the number that received the STOP, within five minutes of it: the one confirmation that is allowed.';
