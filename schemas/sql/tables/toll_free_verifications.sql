create table telnyx.toll_free_verifications (
  verification_id text collate "C" not null,
  account         text collate "C" not null,
  status          text collate "C" not null,
  reason          text collate "C",
  status_at       timestamptz not null,
  last_event_key  uuid not null,
  constraint toll_free_verifications_pk primary key (verification_id)
) with (fillfactor = 80);

comment on table telnyx.toll_free_verifications is 'Requests to have a toll-free number verified for messaging: where each stands and why it was rejected.';
comment on column telnyx.toll_free_verifications.verification_id is 'Telnyx''s id of the request.';
comment on column telnyx.toll_free_verifications.account is 'The account whose key signed the latest webhook.';
comment on column telnyx.toll_free_verifications.status is
  'Where the request stands, in Telnyx''s words with _ for spaces: verified, rejected, waiting_for_vendor, waiting_for_customer, in_progress, ...';
comment on column telnyx.toll_free_verifications.reason is 'Why it has this status, if the webhook says so; mostly of a rejection.';
comment on column telnyx.toll_free_verifications.status_at is 'When the event occurred that gave the status.';
comment on column telnyx.toll_free_verifications.last_event_key is 'The event that gave the status: see events.';
