-- The numbers of each order. The table has few indexes on purpose: it is small, and is joined to messages and numbers only.

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

comment on table telnyx.hosted_numbers is 'One row per number of an order to host numbers: the status of the number.';
comment on column telnyx.hosted_numbers.order_id is 'Order: see hosted_number_orders. Empty if the webhook does not name it.';
comment on column telnyx.hosted_numbers.phone_number is 'The number, in +digits.';
comment on column telnyx.hosted_numbers.status is
  'Status of the number in Telnyx''s words (pending, ownership_successful, provisioning, successful, failed_timeout, ...).';
comment on column telnyx.hosted_numbers.status_at is 'Time of the event that gave the status.';
comment on column telnyx.hosted_numbers.last_event_key is 'Event that gave the status: see events.';
comment on column telnyx.hosted_numbers.account is 'Account whose key signed that webhook.';
