-- Facts about 10DLC: one per webhook, from which brands, campaigns and their numbers are folded.
-- Facts are stored because a webhook that arrives late changes the facts after it, and an id learnt late changes the subject of a webhook.
-- The columns for the projector are here because a fold reads facts only, never the bodies of events.

create table telnyx.ten_dlc_events (
  event_key              uuid not null,
  account                text collate "C" not null,
  entity                 text collate "C" not null,
  brand_id               text collate "C",
  campaign_id            text collate "C",
  tcr_campaign_id        text collate "C",
  phone_number           text collate "C",
  payload_type           text collate "C",
  tcr_event_type         text collate "C",
  status                 text collate "C",
  description            text collate "C",
  reasons                jsonb not null default '[]',
  csp_id                 text collate "C",
  nudge_intent           text collate "C",
  occurred_at            timestamptz not null,
  tcr_brand_id           text collate "C",
  brand_name             text collate "C",
  identity_status        text collate "C",
  campaign_status        text collate "C",
  is_t_mobile_registered boolean,
  reason                 text collate "C",
  tcr_id_has_field       boolean not null,
  links_campaign         boolean not null,
  links_brand            boolean not null,
  named_campaign_id      text collate "C" generated always as (coalesce(campaign_id, tcr_campaign_id)) stored,
  named_brand_id         text collate "C" generated always as (coalesce(brand_id, tcr_brand_id)) stored,
  constraint ten_dlc_events_pk primary key (event_key),
  constraint ten_dlc_events_entity_known check (entity in ('brand', 'campaign', 'phone_number'))
);
-- The facts about one brand, campaign or number.
create index ten_dlc_events_campaign_idx on telnyx.ten_dlc_events (named_campaign_id) where entity = 'campaign';
create index ten_dlc_events_brand_idx on telnyx.ten_dlc_events (named_brand_id) where entity = 'brand';
create index ten_dlc_events_number_idx on telnyx.ten_dlc_events (named_campaign_id, phone_number) where entity = 'phone_number';
-- The greatest link of one id is the last entry of its range.
create index ten_dlc_events_campaign_link_idx
  on telnyx.ten_dlc_events (campaign_id, tcr_id_has_field, occurred_at, event_key) where links_campaign;
create index ten_dlc_events_tcr_campaign_link_idx
  on telnyx.ten_dlc_events (tcr_campaign_id, tcr_id_has_field, occurred_at, event_key) where links_campaign;
create index ten_dlc_events_brand_link_idx on telnyx.ten_dlc_events (brand_id, occurred_at, event_key) where links_brand;
create index ten_dlc_events_tcr_brand_link_idx on telnyx.ten_dlc_events (tcr_brand_id, occurred_at, event_key) where links_brand;
-- The campaigns that name a brand.
create index ten_dlc_events_brand_of_campaign_idx
  on telnyx.ten_dlc_events (brand_id) where entity = 'campaign' and brand_id is not null;

comment on table telnyx.ten_dlc_events is
  'Every 10DLC webhook about a brand, a campaign or the campaign of a number, as received. The resulting state is in brands, campaigns and campaign_numbers.';
comment on column telnyx.ten_dlc_events.event_key is 'Event: see events.';
comment on column telnyx.ten_dlc_events.account is 'Account whose key signed the event.';
comment on column telnyx.ten_dlc_events.entity is
  'Subject of the event, by the ids it holds: phone_number, else campaign, else brand. The event type does not say.';
comment on column telnyx.ten_dlc_events.brand_id is 'brandId as received.';
comment on column telnyx.ten_dlc_events.campaign_id is 'campaignId as received: Telnyx''s id, or sometimes the Campaign Registry''s.';
comment on column telnyx.ten_dlc_events.tcr_campaign_id is
  'The Campaign Registry''s id of the campaign: from its own field, else campaignId if it looks like one, else the id that the description begins with.';
comment on column telnyx.ten_dlc_events.phone_number is 'Number that is assigned to the campaign or removed from it.';
comment on column telnyx.ten_dlc_events.payload_type is 'type as received: REGISTRATION, TELNYX_REVIEW, MNO_REVIEW, TCR_EVENT, ...';
comment on column telnyx.ten_dlc_events.tcr_event_type is 'eventType as received: the Campaign Registry''s word, such as CAMPAIGN_ADD.';
comment on column telnyx.ten_dlc_events.status is 'status as received: ACCEPTED, REJECTED, success, failed, ...';
comment on column telnyx.ten_dlc_events.description is 'description as received.';
comment on column telnyx.ten_dlc_events.reasons is 'reasons as received, always an array.';
comment on column telnyx.ten_dlc_events.csp_id is 'Campaign service provider.';
comment on column telnyx.ten_dlc_events.nudge_intent is 'Intent of a nudge, such as APPEAL_REJECTION.';
comment on column telnyx.ten_dlc_events.occurred_at is 'Time of the event, according to Telnyx.';
comment on column telnyx.ten_dlc_events.tcr_brand_id is 'tcrBrandId as received. For the projector.';
comment on column telnyx.ten_dlc_events.brand_name is 'brandName as received. For the projector.';
comment on column telnyx.ten_dlc_events.identity_status is 'The brand''s identity status, in upper case. For the projector.';
comment on column telnyx.ten_dlc_events.campaign_status is 'campaignStatus, in upper case. For the projector.';
comment on column telnyx.ten_dlc_events.is_t_mobile_registered is 'isTMobileRegistered as received. For the projector.';
comment on column telnyx.ten_dlc_events.reason is 'The reasons in words; else rejectionReason, else the description. For the projector.';
comment on column telnyx.ten_dlc_events.tcr_id_has_field is
  'True if the Campaign Registry''s id has a separate field: such a link has precedence. For the projector.';
comment on column telnyx.ten_dlc_events.links_campaign is 'True if campaign_id and tcr_campaign_id are two ids of one campaign. For the projector.';
comment on column telnyx.ten_dlc_events.links_brand is 'True if brand_id and tcr_brand_id are two ids of one brand. For the projector.';
comment on column telnyx.ten_dlc_events.named_campaign_id is 'Id by which the event names the campaign. For the projector.';
comment on column telnyx.ten_dlc_events.named_brand_id is 'Id by which the event names the brand. For the projector.';
