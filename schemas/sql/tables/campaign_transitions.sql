create table telnyx.campaign_transitions (
  campaign_id    text collate "C" not null,
  seq            integer not null,
  from_status    text collate "C",
  to_status      text collate "C" not null,
  event_key      uuid not null,
  payload_type   text collate "C",
  tcr_event_type text collate "C",
  reason         text collate "C",
  is_documented  boolean not null,
  occurred_at    timestamptz not null,
  constraint campaign_transitions_pk primary key (campaign_id, seq)
);

comment on table telnyx.campaign_transitions is
  'Every change of a campaign''s status, in the order in which the events occurred. A webhook that arrives late takes its place and the rest is counted anew.';
comment on column telnyx.campaign_transitions.campaign_id is 'The campaign: see campaigns.';
comment on column telnyx.campaign_transitions.seq is 'Its first change is 1, the next 2, ...';
comment on column telnyx.campaign_transitions.from_status is 'The status it left; null at first.';
comment on column telnyx.campaign_transitions.to_status is 'The status it came to.';
comment on column telnyx.campaign_transitions.event_key is 'The event that says so: see events and ten_dlc_events.';
comment on column telnyx.campaign_transitions.payload_type is 'type of that event, as received.';
comment on column telnyx.campaign_transitions.tcr_event_type is 'eventType of that event, as received.';
comment on column telnyx.campaign_transitions.reason is 'The reason that this event gave.';
comment on column telnyx.campaign_transitions.is_documented is 'Whether Telnyx documents this change. False: it happened none the less.';
comment on column telnyx.campaign_transitions.occurred_at is 'When it happened, according to Telnyx.';
