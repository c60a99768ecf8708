-- Facts about consent, from which opt_outs is folded.
-- Facts are stored because an event that arrives late changes the past, and a court asks what was known when.

create table telnyx.opt_out_events (
  event_key            uuid not null,
  phone_number         text collate "C" not null,
  account              text collate "C" not null,
  messaging_profile_id text collate "C" not null,
  action               text collate "C" not null,
  basis                text collate "C" not null,
  keyword              text collate "C",
  via_number           text collate "C",
  telnyx_blocked       boolean not null,
  occurred_at          timestamptz not null,
  attempted_at         timestamptz,
  received_at          timestamptz not null,
  constraint opt_out_events_pk primary key (event_key, phone_number),
  constraint opt_out_events_action_known check (action in ('opt_out', 'opt_in', 'help')),
  constraint opt_out_events_basis_known check (basis in ('autoresponse', 'keyword', 'blocked_send'))
);
create index opt_out_events_person_idx on telnyx.opt_out_events (messaging_profile_id, phone_number, occurred_at, event_key);
-- For the fold of opt_outs: it looks up a few facts of a person, however many there are.
create index opt_out_events_opt_in_idx on telnyx.opt_out_events (messaging_profile_id, phone_number, occurred_at, event_key)
  where action = 'opt_in';
create index opt_out_events_opt_out_idx on telnyx.opt_out_events (messaging_profile_id, phone_number, occurred_at, event_key)
  where action = 'opt_out';
create index opt_out_events_block_idx on telnyx.opt_out_events (messaging_profile_id, phone_number, occurred_at, event_key)
  where action <> 'help' and basis <> 'keyword';

comment on table telnyx.opt_out_events is
  'Every sign that a person opted out, opted in again or asked for help: a keyword in a message, or a send that Telnyx refused because of a STOP.';
comment on column telnyx.opt_out_events.event_key is 'Event that shows it: see events.';
comment on column telnyx.opt_out_events.phone_number is 'The person: the sender of the message, or the recipient of the refused send.';
comment on column telnyx.opt_out_events.account is 'Account whose key signed the event.';
comment on column telnyx.opt_out_events.messaging_profile_id is 'Messaging profile concerned; empty if the webhook names none.';
comment on column telnyx.opt_out_events.action is 'opt_out, opt_in or help.';
comment on column telnyx.opt_out_events.basis is
  'Source of the sign: autoresponse (Telnyx recognised the keyword), keyword (we recognised it in the text), blocked_send (Telnyx refused a message with code 40300).';
comment on column telnyx.opt_out_events.keyword is 'Keyword in upper case; null for a refused send or a text that is too long to be one.';
comment on column telnyx.opt_out_events.via_number is 'Our number that the person wrote to, or that the refused message was sent from.';
comment on column telnyx.opt_out_events.telnyx_blocked is 'True if the event shows that Telnyx itself blocks messages to this person.';
comment on column telnyx.opt_out_events.occurred_at is 'Time of the event, according to Telnyx.';
comment on column telnyx.opt_out_events.attempted_at is
  'For a refused send: time of the attempt, if known to be before occurred_at. The refusal of a send from before an opt-in does not count.';
comment on column telnyx.opt_out_events.received_at is 'Time at which our ingest received the event. It decides what could be known when.';
