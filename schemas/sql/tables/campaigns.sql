-- 10DLC campaigns, folded from ten_dlc_events.
-- fillfactor leaves room in each page for the next version of a row.

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
  'One row per 10DLC campaign: its status between registration and provisioned numbers, with the reason. Its history is in campaign_transitions.';
comment on column telnyx.campaigns.campaign_id is
  'Telnyx''s id of the campaign. Until a webhook reports that id, the Campaign Registry''s.';
comment on column telnyx.campaigns.account is 'Account whose key signed the latest event.';
comment on column telnyx.campaigns.tcr_campaign_id is
  'The Campaign Registry''s id. Messages carry this id, so it joins message_deliveries.';
comment on column telnyx.campaigns.brand_id is 'Brand of the campaign: see brands.';
comment on column telnyx.campaigns.csp_id is 'Campaign service provider.';
comment on column telnyx.campaigns.status is
  'TCR_PENDING, TCR_ACCEPTED, TCR_FAILED, TCR_SUSPENDED, TCR_EXPIRED, TELNYX_ACCEPTED, TELNYX_FAILED, MNO_PENDING, MNO_ACCEPTED, MNO_REJECTED, MNO_PROVISIONED or MNO_PROVISIONING_FAILED. The campaign may send at MNO_PROVISIONED only. Null if no webhook has reported a status.';
comment on column telnyx.campaigns.previous_status is 'Status before this one.';
comment on column telnyx.campaigns.status_at is 'Time at which the campaign reached its status.';
comment on column telnyx.campaigns.reason is 'Reason for the status, in the vendor''s words.';
comment on column telnyx.campaigns.is_t_mobile_registered is
  'True if the campaign is registered with T-Mobile; null if no webhook has reported it.';
comment on column telnyx.campaigns.number_pool_provisioned is
  'True if the number pool of the campaign is provisioned; null if no webhook has reported it.';
comment on column telnyx.campaigns.last_event_key is 'Latest event about the campaign, even if it did not change the status: see events.';
