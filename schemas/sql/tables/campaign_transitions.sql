-- The history of each 10DLC campaign, folded from ten_dlc_events.

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
  'Every change of a campaign''s status, in the order in which the events occurred. A webhook that arrives late is put in its place, and the changes after it are numbered again.';
comment on column telnyx.campaign_transitions.campaign_id is 'Campaign: see campaigns.';
comment on column telnyx.campaign_transitions.seq is 'Number of the change, from 1.';
comment on column telnyx.campaign_transitions.from_status is 'Status before the change; null at the first one.';
comment on column telnyx.campaign_transitions.to_status is 'Status after the change.';
comment on column telnyx.campaign_transitions.event_key is 'Event that reported the change: see events and ten_dlc_events.';
comment on column telnyx.campaign_transitions.payload_type is 'type of that event, as received.';
comment on column telnyx.campaign_transitions.tcr_event_type is 'eventType of that event, as received.';
comment on column telnyx.campaign_transitions.reason is 'Reason that this event gave.';
comment on column telnyx.campaign_transitions.is_documented is
  'True if Telnyx documents this change. False: it happened although it is not documented.';
comment on column telnyx.campaign_transitions.occurred_at is 'Time of the change, according to Telnyx.';
