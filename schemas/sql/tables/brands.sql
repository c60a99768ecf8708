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
