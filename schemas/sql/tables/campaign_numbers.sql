-- The numbers assigned to 10DLC campaigns, folded from ten_dlc_events.
-- fillfactor leaves room in each page for the next version of a row.

create table telnyx.campaign_numbers (
  phone_number    text collate "C" not null,
  campaign_id     text collate "C" not null,
  account         text collate "C" not null,
  tcr_campaign_id text collate "C",
  status          text collate "C" not null,
  reasons         jsonb not null default '[]',
  status_at       timestamptz not null,
  last_event_key  uuid not null,
  constraint campaign_numbers_pk primary key (phone_number, campaign_id),
  constraint campaign_numbers_status_known check
    (status in ('ASSIGNED', 'PENDING', 'UNASSIGNED', 'FAILED_ASSIGNMENT', 'FAILED_UNASSIGNMENT', 'FAILED'))
) with (fillfactor = 80);
create index campaign_numbers_campaign_idx on telnyx.campaign_numbers (campaign_id, tcr_campaign_id);

comment on table telnyx.campaign_numbers is
  'One row per number and campaign that it was ever to be assigned to: the status of the assignment.';
comment on column telnyx.campaign_numbers.phone_number is 'The number.';
comment on column telnyx.campaign_numbers.campaign_id is 'Campaign: see campaigns.';
comment on column telnyx.campaign_numbers.account is 'Account whose key signed the event that gave the status.';
comment on column telnyx.campaign_numbers.tcr_campaign_id is 'The Campaign Registry''s id of the campaign.';
comment on column telnyx.campaign_numbers.status is
  'ASSIGNED, PENDING, UNASSIGNED, FAILED_ASSIGNMENT, FAILED_UNASSIGNMENT (it is still assigned) or FAILED (an assignment or its end; Telnyx does not say which).';
comment on column telnyx.campaign_numbers.reasons is 'Reasons that Telnyx gave, as received.';
comment on column telnyx.campaign_numbers.status_at is 'Time of the event that gave the status.';
comment on column telnyx.campaign_numbers.last_event_key is 'Event that gave the status: see events.';
