-- What else Telnyx tells an account: spending limits, numbers hosted for messaging, toll-free verifications, opened links.
-- Why hidden columns (…_at, …_event_key): "the latest event that says it" is kept column by column, so that an upsert needs no other row.
-- Few indexes on purpose: these tables are small, and are joined to messages and numbers only.

create table telnyx.spend_limit_events (
  event_key            uuid not null,
  account              text collate "C" not null,
  messaging_profile_id text collate "C",
  configured_limit     numeric,
  current_cost         numeric,
  occurred_at          timestamptz not null,
  constraint spend_limit_events_pk primary key (event_key)
);

comment on table telnyx.spend_limit_events is 'Each time a messaging profile reached its spending limit: Telnyx refuses its sends (40333) until midnight UTC, unless the limit is raised.';
comment on column telnyx.spend_limit_events.event_key is 'The event: see events.';
comment on column telnyx.spend_limit_events.account is 'The account whose key signed the webhook.';
comment on column telnyx.spend_limit_events.messaging_profile_id is 'The messaging profile that reached its limit.';
comment on column telnyx.spend_limit_events.configured_limit is 'The limit for a day (UTC), in US dollars.';
comment on column telnyx.spend_limit_events.current_cost is 'What had been spent on that day when it was reached, in US dollars.';
comment on column telnyx.spend_limit_events.occurred_at is 'When it was reached.';

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

create table telnyx.link_clicks (
  event_key  uuid not null,
  account    text collate "C" not null,
  message_id text collate "C",
  recipient  text collate "C",
  url        text collate "C",
  clicked_at timestamptz not null,
  constraint link_clicks_pk primary key (event_key)
);
create index link_clicks_message_id on telnyx.link_clicks (message_id);

comment on table telnyx.link_clicks is 'Each time a link that Telnyx shortened in one of our messages was opened.';
comment on column telnyx.link_clicks.event_key is 'The event: see events.';
comment on column telnyx.link_clicks.account is 'The account whose key signed the webhook.';
comment on column telnyx.link_clicks.message_id is 'The message that the link was in: see message_deliveries.';
comment on column telnyx.link_clicks.recipient is 'Who the message was sent to.';
comment on column telnyx.link_clicks.url is 'The address that the link leads to.';
comment on column telnyx.link_clicks.clicked_at is 'When it was opened.';
