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
