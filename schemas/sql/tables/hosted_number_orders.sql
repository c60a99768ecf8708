-- Orders to host numbers for messaging.
-- The columns …_at and …_event_key keep "the latest event that reports it" for each column: an upsert needs no other row.
-- The table has few indexes on purpose: it is small, and is joined to messages and numbers only.

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
  'Orders to host numbers of another voice carrier for messaging at Telnyx, including transfers from another Telnyx account: the status of each.';
comment on column telnyx.hosted_number_orders.order_id is 'Telnyx''s id of the order.';
comment on column telnyx.hosted_number_orders.account is 'Account whose key signed the latest webhook.';
comment on column telnyx.hosted_number_orders.last_event_key is 'Latest event of the order: see events.';
comment on column telnyx.hosted_number_orders.messaging_profile_id is 'Messaging profile that the numbers are for.';
comment on column telnyx.hosted_number_orders.status is
  'Status of the order in Telnyx''s words (pending, provisioning, successful, failed, deleted, carrier_rejected, ...); null if no webhook has reported one.';
comment on column telnyx.hosted_number_orders.status_at is 'Time of the event that gave the status.';
comment on column telnyx.hosted_number_orders.decision is
  'For a transfer between two Telnyx accounts: decision of the account that loses the numbers (pending, approved, rejected).';
comment on column telnyx.hosted_number_orders.approval_deadline is
  'End of the time in which that account may decide. After it, the transfer is approved.';
comment on column telnyx.hosted_number_orders.last_event_at is 'Time of the latest event. For the projector.';
comment on column telnyx.hosted_number_orders.profile_at is 'Time of the event that gave the profile. For the projector.';
comment on column telnyx.hosted_number_orders.profile_event_key is 'Event that gave the profile. For the projector.';
comment on column telnyx.hosted_number_orders.status_event_key is 'Event that gave the status. For the projector.';
comment on column telnyx.hosted_number_orders.decision_at is 'Time of the event that gave the decision. For the projector.';
comment on column telnyx.hosted_number_orders.decision_event_key is 'Event that gave the decision. For the projector.';
comment on column telnyx.hosted_number_orders.deadline_at is 'Time of the event that gave the deadline. For the projector.';
comment on column telnyx.hosted_number_orders.deadline_event_key is 'Event that gave the deadline. For the projector.';
