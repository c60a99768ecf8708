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
  'Who has opted out, per messaging profile and person, as far as is known now. Check opted_out before sending.';
comment on column telnyx.opt_outs.messaging_profile_id is 'The messaging profile; empty if the webhooks name none. A STOP to any of its numbers reaches the whole profile.';
comment on column telnyx.opt_outs.phone_number is 'The person.';
comment on column telnyx.opt_outs.account is 'The account whose key signed the event that decides.';
comment on column telnyx.opt_outs.opted_out is 'True: must not be sent to. False: has opted in (again).';
comment on column telnyx.opt_outs.changed_at is 'Since when: the first STOP (or START) of those that still hold. Repeating it changes nothing.';
comment on column telnyx.opt_outs.basis is 'How the deciding event is known: autoresponse, keyword or blocked_send.';
comment on column telnyx.opt_outs.keyword is 'The keyword of the deciding event.';
comment on column telnyx.opt_outs.via_number is 'Our number that the deciding event was about.';
comment on column telnyx.opt_outs.telnyx_blocked is 'Whether Telnyx itself blocks messages to this person, as far as its webhooks show.';
comment on column telnyx.opt_outs.last_event_key is 'The deciding event: see events and opt_out_evidence.';
