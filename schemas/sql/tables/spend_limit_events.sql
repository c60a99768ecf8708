-- Spending limits that were reached. The table has few indexes on purpose: it is small, and is joined to messages only.

create table telnyx.spend_limit_events (
  event_key            uuid not null,
  account              text collate "C" not null,
  messaging_profile_id text collate "C",
  configured_limit     numeric,
  current_cost         numeric,
  occurred_at          timestamptz not null,
  constraint spend_limit_events_pk primary key (event_key)
);

comment on table telnyx.spend_limit_events is
  'One row each time a messaging profile reached its spending limit. Telnyx then refuses its sends (40333) until midnight UTC, unless the limit is raised.';
comment on column telnyx.spend_limit_events.event_key is 'Event: see events.';
comment on column telnyx.spend_limit_events.account is 'Account whose key signed the webhook.';
comment on column telnyx.spend_limit_events.messaging_profile_id is 'Messaging profile that reached its limit.';
comment on column telnyx.spend_limit_events.configured_limit is 'Limit for a day (UTC), in US dollars.';
comment on column telnyx.spend_limit_events.current_cost is 'Amount spent on that day when the limit was reached, in US dollars.';
comment on column telnyx.spend_limit_events.occurred_at is 'Time at which the limit was reached.';
