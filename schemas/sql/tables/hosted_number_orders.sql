create table telnyx.hosted_number_orders (
  order_id             text collate "C" not null,
  account              text collate "C" not null,
  last_event_key       uuid not null,
  messaging_profile_id text collate "C",
  status               text collate "C",
  status_at            timestamptz,
  decision             text collate "C",
  approval_deadline    timestamptz,
  last_event_at        timestamptz not null,
  profile_at           timestamptz,
  profile_event_key    uuid,
  status_event_key     uuid,
  decision_at          timestamptz,
  decision_event_key   uuid,
  deadline_at          timestamptz,
  deadline_event_key   uuid,
  constraint hosted_number_orders_pk primary key (order_id)
) with (fillfactor = 80);

comment on table telnyx.hosted_number_orders is
  'Orders to host numbers of another voice carrier for messaging at Telnyx, transfers from another Telnyx account included: where each stands.';
comment on column telnyx.hosted_number_orders.order_id is 'Telnyx''s id of the order.';
comment on column telnyx.hosted_number_orders.account is 'The account whose key signed the latest webhook.';
comment on column telnyx.hosted_number_orders.last_event_key is 'The latest event of the order: see events.';
comment on column telnyx.hosted_number_orders.messaging_profile_id is 'The messaging profile that the numbers are for.';
comment on column telnyx.hosted_number_orders.status is
  'Where the order stands, in Telnyx''s words (pending, provisioning, successful, failed, deleted, carrier_rejected, ...); null if no webhook has said so.';
comment on column telnyx.hosted_number_orders.status_at is 'When the event occurred that gave the status.';
comment on column telnyx.hosted_number_orders.decision is
  'Of a transfer between two Telnyx accounts: what the account that loses the numbers decided (pending, approved, rejected).';
comment on column telnyx.hosted_number_orders.approval_deadline is 'Until when that account may decide; after it the transfer is approved.';
comment on column telnyx.hosted_number_orders.last_event_at is 'When the latest event occurred. For the projector.';
comment on column telnyx.hosted_number_orders.profile_at is 'When the event occurred that gave the profile. For the projector.';
comment on column telnyx.hosted_number_orders.profile_event_key is 'The event that gave the profile. For the projector.';
comment on column telnyx.hosted_number_orders.status_event_key is 'The event that gave the status. For the projector.';
comment on column telnyx.hosted_number_orders.decision_at is 'When the event occurred that gave the decision. For the projector.';
comment on column telnyx.hosted_number_orders.decision_event_key is 'The event that gave the decision. For the projector.';
comment on column telnyx.hosted_number_orders.deadline_at is 'When the event occurred that gave the deadline. For the projector.';
comment on column telnyx.hosted_number_orders.deadline_event_key is 'The event that gave the deadline. For the projector.';
