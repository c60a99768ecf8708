-- 10DLC as it stands: brands, campaigns with their history, and the numbers assigned to them. Folded from ten_dlc_events.
-- fillfactor leaves room in each page for the next version of a row.

create table telnyx.brands (
  brand_id            text collate "C" not null,
  account             text collate "C" not null,
  tcr_brand_id        text collate "C",
  name                text collate "C",
  registration_status text collate "C",
  identity_status     text collate "C",
  vetting_status      text collate "C",
  last_reason         text collate "C",
  updated_event_at    timestamptz not null,
  last_event_key      uuid not null,
  constraint brands_pk primary key (brand_id)
) with (fillfactor = 80);

comment on table telnyx.brands is 'One row per 10DLC brand: how its registration and vetting stand, as far as webhooks tell.';
comment on column telnyx.brands.brand_id is 'Telnyx''s id of the brand; the Campaign Registry''s as long as no webhook has told Telnyx''s.';
comment on column telnyx.brands.account is 'The account whose key signed the latest event.';
comment on column telnyx.brands.tcr_brand_id is 'The Campaign Registry''s id of the brand.';
comment on column telnyx.brands.name is 'Name of the brand.';
comment on column telnyx.brands.registration_status is 'OK or REGISTRATION_FAILED; null if no webhook has said either.';
comment on column telnyx.brands.identity_status is 'Whether its identity is verified, in the vendor''s words (VERIFIED, UNVERIFIED, ...); null if no webhook carried it.';
comment on column telnyx.brands.vetting_status is
  'How the latest vetting or appeal stands: VETTING_ORDERED, REVET_REQUESTED, REVET_COMPLETED, APPEAL_PENDING, APPEAL_COMPLETED, or one of them _FAILED.';
comment on column telnyx.brands.last_reason is 'Why something last failed. A later success does not clear it.';
comment on column telnyx.brands.updated_event_at is 'When the latest event about it occurred.';
comment on column telnyx.brands.last_event_key is 'That event: see events.';

create table telnyx.campaigns (
  campaign_id             text collate "C" not null,
  account                 text collate "C" not null,
  tcr_campaign_id         text collate "C",
  brand_id                text collate "C",
  csp_id                  text collate "C",
  status                  text collate "C",
  previous_status         text collate "C",
  status_at               timestamptz,
  reason                  text collate "C",
  is_t_mobile_registered  boolean,
  number_pool_provisioned boolean,
  last_event_key          uuid not null,
  constraint campaigns_pk primary key (campaign_id)
) with (fillfactor = 80);

comment on table telnyx.campaigns is
  'One row per 10DLC campaign: where it stands between registration and provisioned numbers, and why. Its history: campaign_transitions.';
comment on column telnyx.campaigns.campaign_id is 'Telnyx''s id of the campaign; the Campaign Registry''s as long as no webhook has told Telnyx''s.';
comment on column telnyx.campaigns.account is 'The account whose key signed the latest event.';
comment on column telnyx.campaigns.tcr_campaign_id is 'The Campaign Registry''s id: messages carry this one, so it joins message_deliveries.';
comment on column telnyx.campaigns.brand_id is 'The brand that it belongs to: see brands.';
comment on column telnyx.campaigns.csp_id is 'The campaign service provider.';
comment on column telnyx.campaigns.status is
  'Where it stands: TCR_PENDING, TCR_ACCEPTED, TCR_FAILED, TCR_SUSPENDED, TCR_EXPIRED, TELNYX_ACCEPTED, TELNYX_FAILED, MNO_PENDING, MNO_ACCEPTED, MNO_REJECTED, MNO_PROVISIONED or MNO_PROVISIONING_FAILED. It may send at MNO_PROVISIONED only. Null if no webhook told.';
comment on column telnyx.campaigns.previous_status is 'Where it stood before.';
comment on column telnyx.campaigns.status_at is 'When it came to its status.';
comment on column telnyx.campaigns.reason is 'Why it has its status, in the vendor''s words.';
comment on column telnyx.campaigns.is_t_mobile_registered is 'Whether it is registered with T-Mobile; null if no webhook told.';
comment on column telnyx.campaigns.number_pool_provisioned is 'Whether its number pool is provisioned; null if no webhook told.';
comment on column telnyx.campaigns.last_event_key is 'The latest event about it, whether or not that changed the status: see events.';

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

comment on table telnyx.campaign_numbers is 'One row per number and campaign that it was ever to be assigned to: whether it is.';
comment on column telnyx.campaign_numbers.phone_number is 'The number.';
comment on column telnyx.campaign_numbers.campaign_id is 'The campaign: see campaigns.';
comment on column telnyx.campaign_numbers.account is 'The account whose key signed the event that gave the status.';
comment on column telnyx.campaign_numbers.tcr_campaign_id is 'The Campaign Registry''s id of the campaign.';
comment on column telnyx.campaign_numbers.status is
  'ASSIGNED, PENDING, UNASSIGNED, FAILED_ASSIGNMENT, FAILED_UNASSIGNMENT (it is still assigned) or FAILED (an assignment or its end, Telnyx does not say which).';
comment on column telnyx.campaign_numbers.reasons is 'The reasons that Telnyx gave, as received.';
comment on column telnyx.campaign_numbers.status_at is 'When the event occurred that gave the status.';
comment on column telnyx.campaign_numbers.last_event_key is 'That event: see events.';
