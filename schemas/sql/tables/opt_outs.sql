-- Consent per messaging profile and person, folded from opt_out_events.

create table telnyx.opt_outs (
  messaging_profile_id text collate "C" not null,
  phone_number         text collate "C" not null,
  account              text collate "C" not null,
  opted_out            boolean not null,
  changed_at           timestamptz not null,
  basis                text collate "C" not null,
  keyword              text collate "C",
  via_number           text collate "C",
  telnyx_blocked       boolean not null,
  last_event_key       uuid not null,
  constraint opt_outs_pk primary key (messaging_profile_id, phone_number)
) with (fillfactor = 80);

comment on table telnyx.opt_outs is
  'One row per messaging profile and person: whether the person has opted out, as far as is known now. Check opted_out before sending.';
comment on column telnyx.opt_outs.messaging_profile_id is
  'Messaging profile; empty if the webhooks name none. A STOP to any of its numbers applies to the whole profile.';
comment on column telnyx.opt_outs.phone_number is 'The person.';
comment on column telnyx.opt_outs.account is 'Account whose key signed the deciding event.';
comment on column telnyx.opt_outs.opted_out is 'True: do not send. False: the person has opted in (again).';
comment on column telnyx.opt_outs.changed_at is 'Time of the first STOP (or START) of those that still hold. Repeating it changes nothing.';
comment on column telnyx.opt_outs.basis is 'Source of the deciding event: autoresponse, keyword or blocked_send.';
comment on column telnyx.opt_outs.keyword is 'Keyword of the deciding event.';
comment on column telnyx.opt_outs.via_number is 'Our number that the deciding event was about.';
comment on column telnyx.opt_outs.telnyx_blocked is 'True if Telnyx itself blocks messages to this person, as far as its webhooks show.';
comment on column telnyx.opt_outs.last_event_key is 'Deciding event: see events and opt_out_evidence.';
