create table telnyx.hosted_numbers (
  order_id       text collate "C" not null,
  phone_number   text collate "C" not null,
  status         text collate "C" not null,
  status_at      timestamptz not null,
  last_event_key uuid not null,
  account        text collate "C" not null,
  constraint hosted_numbers_pk primary key (order_id, phone_number)
) with (fillfactor = 80);
create index hosted_numbers_phone_number on telnyx.hosted_numbers (phone_number);

comment on table telnyx.hosted_numbers is 'Each number of an order to host numbers, and how far it is.';
comment on column telnyx.hosted_numbers.order_id is 'The order: see hosted_number_orders. Empty if the webhook does not name it.';
comment on column telnyx.hosted_numbers.phone_number is 'The number, in +digits.';
comment on column telnyx.hosted_numbers.status is
  'Where the number stands, in Telnyx''s words (pending, ownership_successful, provisioning, successful, failed_timeout, ...).';
comment on column telnyx.hosted_numbers.status_at is 'When the event occurred that gave the status.';
comment on column telnyx.hosted_numbers.last_event_key is 'The event that gave the status: see events.';
comment on column telnyx.hosted_numbers.account is 'The account whose key signed that webhook.';
