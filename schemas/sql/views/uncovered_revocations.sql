-- Opt-outs that only our own records enforce.

create or replace view telnyx.uncovered_revocations with (security_invoker = true) as
select messaging_profile_id, phone_number, account, opted_out, changed_at, basis, keyword, via_number, telnyx_blocked, last_event_key
from telnyx.opt_outs
where opted_out and not telnyx_blocked;

comment on view telnyx.uncovered_revocations is
  'People who have opted out in words that Telnyx does not act on. Only your own software keeps messages from them.';
comment on column telnyx.uncovered_revocations.messaging_profile_id is 'Messaging profile; empty text if the webhooks name none.';
comment on column telnyx.uncovered_revocations.phone_number is 'The person.';
comment on column telnyx.uncovered_revocations.account is 'Account whose key signed the deciding event.';
comment on column telnyx.uncovered_revocations.opted_out is 'True here.';
comment on column telnyx.uncovered_revocations.changed_at is 'Time since which the person has opted out.';
comment on column telnyx.uncovered_revocations.basis is 'Source of the opt-out; mostly keyword here: we recognised it in the text.';
comment on column telnyx.uncovered_revocations.keyword is 'Words that we recognised.';
comment on column telnyx.uncovered_revocations.via_number is 'Our number that the person wrote to.';
comment on column telnyx.uncovered_revocations.telnyx_blocked is 'False here: Telnyx does not block messages to this person, as far as its webhooks show.';
comment on column telnyx.uncovered_revocations.last_event_key is 'Event that proves the opt-out: see events and opt_out_evidence.';
