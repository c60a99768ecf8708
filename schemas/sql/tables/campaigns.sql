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
