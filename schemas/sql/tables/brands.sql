-- 10DLC brands, folded from ten_dlc_events.
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

comment on table telnyx.brands is 'One row per 10DLC brand: the state of its registration and vetting, as far as webhooks report it.';
comment on column telnyx.brands.brand_id is 'Telnyx''s id of the brand. Until a webhook reports that id, the Campaign Registry''s.';
comment on column telnyx.brands.account is 'Account whose key signed the latest event.';
comment on column telnyx.brands.tcr_brand_id is 'The Campaign Registry''s id of the brand.';
comment on column telnyx.brands.name is 'Name of the brand.';
comment on column telnyx.brands.registration_status is 'OK or REGISTRATION_FAILED; null if no webhook has reported either.';
comment on column telnyx.brands.identity_status is
  'Identity status in the vendor''s words (VERIFIED, UNVERIFIED, ...); null if no webhook has reported it.';
comment on column telnyx.brands.vetting_status is
  'State of the latest vetting or appeal: VETTING_ORDERED, REVET_REQUESTED, REVET_COMPLETED, APPEAL_PENDING, APPEAL_COMPLETED, or one of them _FAILED.';
comment on column telnyx.brands.last_reason is 'Reason of the latest failure. A later success does not clear it.';
comment on column telnyx.brands.updated_event_at is 'Time of the latest event about the brand.';
comment on column telnyx.brands.last_event_key is 'Latest event about the brand: see events.';
