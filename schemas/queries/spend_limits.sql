-- Which messaging profiles reached their spending limit, and how many sends were refused?
-- One row per profile and day (UTC) on which it reached its limit, the newest first. Sends are refused (40333) until midnight.
--
-- account: the account
-- since: a day (UTC)
--
-- telnyx-ledger sql --ask spend_limits --set account=acme --set since=2026-01-01
-- psql "$DATABASE_URL" -v account=acme -v since=2026-01-01 -f schemas/queries/spend_limits.sql

select reached.messaging_profile_id, reached.day, reached.reached_at, reached.configured_limit, reached.current_cost,
       refused.messages as refused
from (
  select messaging_profile_id, (occurred_at at time zone 'UTC')::date as day, min(occurred_at) as reached_at,
         max(configured_limit) as configured_limit, max(current_cost) as current_cost
  from telnyx.spend_limit_events
  where account = :'account'::text and (occurred_at at time zone 'UTC')::date >= :'since'::text::date
  group by messaging_profile_id, day
) reached
cross join lateral (
  select count(*) as messages
  from telnyx.message_deliveries d
  where d.account = :'account'::text and d.messaging_profile_id = reached.messaging_profile_id
    and (coalesce(d.sent_at, d.first_event_at) at time zone 'UTC')::date = reached.day
    and '40333' = any (d.error_codes)
) refused
order by reached.day desc, reached.messaging_profile_id;
