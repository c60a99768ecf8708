-- Verifications of toll-free numbers. The table has few indexes on purpose: it is small, and is joined to numbers only.

create table telnyx.toll_free_verifications (
  verification_id text collate "C" not null,
  account         text collate "C" not null,
  status          text collate "C" not null,
  reason          text collate "C",
  status_at       timestamptz not null,
  last_event_key  uuid not null,
  constraint toll_free_verifications_pk primary key (verification_id)
) with (fillfactor = 80);

comment on table telnyx.toll_free_verifications is
  'Requests to verify a toll-free number for messaging: the status of each, with the reason.';
comment on column telnyx.toll_free_verifications.verification_id is 'Telnyx''s id of the request.';
comment on column telnyx.toll_free_verifications.account is 'Account whose key signed the latest webhook.';
comment on column telnyx.toll_free_verifications.status is
  'Status of the request in Telnyx''s words with _ for spaces: verified, rejected, waiting_for_vendor, waiting_for_customer, in_progress, ...';
comment on column telnyx.toll_free_verifications.reason is 'Reason for the status, if the webhook gives one; mostly of a rejection.';
comment on column telnyx.toll_free_verifications.status_at is 'Time of the event that gave the status.';
comment on column telnyx.toll_free_verifications.last_event_key is 'Event that gave the status: see events.';
