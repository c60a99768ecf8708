-- Results of messages per hour. This is a plain view: it is always right, and no copy must be kept up to date.
-- AT TIME ZONE 'UTC' makes hours those of UTC in every session.

create or replace view telnyx.delivery_hourly with (security_invoker = true) as
select account, messaging_profile_id, hour,
       count(*) as messages,
       count(*) filter (where class = 'delivered') as delivered,
       count(*) filter (where class = 'failed') as failed,
       count(*) filter (where class = 'unconfirmed') as unconfirmed,
       count(*) filter (where class = 'pending') as pending,
       -- Reading: if nothing is known the sum is null, not 0. "Not reported" is not "free of charge".
       sum(parts) as parts,
       sum(cost_amount) as cost_amount
from (
  select account, messaging_profile_id, parts, cost_amount, telnyx.delivery_class(status, is_final) as class,
         date_trunc('hour', coalesce(sent_at, first_event_at) at time zone 'UTC') at time zone 'UTC' as hour
  from telnyx.message_deliveries
) d
group by account, messaging_profile_id, hour;

comment on view telnyx.delivery_hourly is
  'Messages of each hour, their results and their cost: one row per account, messaging profile and hour. A message to three people counts three times.';
comment on column telnyx.delivery_hourly.account is 'Account.';
comment on column telnyx.delivery_hourly.messaging_profile_id is 'Messaging profile that they were sent with.';
comment on column telnyx.delivery_hourly.hour is
  'Start of the hour (UTC) in which they were sent; if that is not known, the hour of their first event.';
comment on column telnyx.delivery_hourly.messages is 'Number of messages, counted once per recipient: the sum of the next four.';
comment on column telnyx.delivery_hourly.delivered is 'Delivered, or even read.';
comment on column telnyx.delivery_hourly.failed is 'Not delivered: refused, expired, cancelled. The reasons are in error_breakdown_daily.';
comment on column telnyx.delivery_hourly.unconfirmed is 'Nothing more is expected, and the carrier never said whether they arrived.';
comment on column telnyx.delivery_hourly.pending is 'Still under way. Those under way for more than a day are in stuck_messages.';
comment on column telnyx.delivery_hourly.parts is 'Number of parts that were billed.';
comment on column telnyx.delivery_hourly.cost_amount is
  'Amount that Telnyx charged, in the currency that the account is billed in; empty if Telnyx has stated no cost yet.';
