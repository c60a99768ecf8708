create or replace view telnyx.delivery_hourly with (security_invoker = true) as
select account, messaging_profile_id, hour,
       count(*) as messages,
       count(*) filter (where class = 'delivered') as delivered,
       count(*) filter (where class = 'failed') as failed,
       count(*) filter (where class = 'unconfirmed') as unconfirmed,
       count(*) filter (where class = 'pending') as pending,
       -- Reading: of nothing known the sum is null, not 0: "no webhook told" is not "free of charge".
       sum(parts) as parts,
       sum(cost_amount) as cost_amount
from (
  select account, messaging_profile_id, parts, cost_amount, telnyx.delivery_class(status, is_final) as class,
         date_trunc('hour', coalesce(sent_at, first_event_at) at time zone 'UTC') at time zone 'UTC' as hour
  from telnyx.message_deliveries
) d
group by account, messaging_profile_id, hour;

comment on view telnyx.delivery_hourly is
  'How many messages went out in each hour, what became of them and what they cost: one row per account, messaging profile and hour. A message to three people counts three times.';
comment on column telnyx.delivery_hourly.account is 'The account.';
comment on column telnyx.delivery_hourly.messaging_profile_id is 'The messaging profile that they were sent with.';
comment on column telnyx.delivery_hourly.hour is 'Start of the hour (UTC) in which they were sent; if that is not known, in which we first heard of them.';
comment on column telnyx.delivery_hourly.messages is 'How many deliveries: the sum of the next four.';
comment on column telnyx.delivery_hourly.delivered is 'Delivered, or even read.';
comment on column telnyx.delivery_hourly.failed is 'Not delivered: refused, expired, cancelled. Why: error_breakdown_daily.';
comment on column telnyx.delivery_hourly.unconfirmed is 'Nothing more is expected, and the carrier never said whether they arrived.';
comment on column telnyx.delivery_hourly.pending is 'Still under way. Those that are so for more than a day: stuck_messages.';
comment on column telnyx.delivery_hourly.parts is 'How many parts were billed.';
comment on column telnyx.delivery_hourly.cost_amount is 'What Telnyx charged; empty if it has said so of none of them. In the currency that the account is billed in.';
