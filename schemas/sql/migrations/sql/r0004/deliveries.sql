-- How deliveries go, for dashboards: per hour, per carrier and day, per error and day, and those that hang.
-- Plain views: always right, nothing to keep in step. Hours and days are those of UTC in every session: AT TIME ZONE 'UTC' takes the
-- session's zone out, and is immutable, which an index needs.

-- Why these indexes: with a year of 1,000,000 deliveries, the questions below for one account and 30 days took 0.2 to 0.9 s by reading the
-- whole table, which grows with what is kept; by index they take 0.01 to 0.13 s and grow with the 30 days. They cost the projector about
-- 4 µs more for a new row (of 15), and 2 µs for a change of one: no column of theirs changes as a delivery moves on (error_codes on a
-- failure only), so that updates stay in their page; for that reason none holds status_at or is_final. Time first, because campaign_health
-- asks for the last day of all accounts; an hour or a day in place of the moment, because equal entries share one.
create index message_deliveries_hour_idx on telnyx.message_deliveries
  ((date_trunc('hour', coalesce(sent_at, first_event_at) at time zone 'UTC') at time zone 'UTC'), account);
create index message_deliveries_day_idx on telnyx.message_deliveries
  (((coalesce(sent_at, first_event_at) at time zone 'UTC')::date), account);
-- stuck_messages and opt_out_violations
create index message_deliveries_sent_idx on telnyx.message_deliveries (sent_at, account);
-- error_breakdown_daily reads the failures of all time of an account: few, beside the rest
create index message_deliveries_errors_idx on telnyx.message_deliveries (account) where error_codes <> '{}';

create view telnyx.delivery_hourly with (security_invoker = true) as
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

create view telnyx.delivery_by_carrier_daily with (security_invoker = true) as
select account, carrier, line_type, day,
       count(*) as messages,
       count(*) filter (where class = 'delivered') as delivered,
       count(*) filter (where class = 'failed') as failed,
       count(*) filter (where class = 'unconfirmed') as unconfirmed,
       count(*) filter (where class = 'pending') as pending
from (
  select account, carrier, line_type, telnyx.delivery_class(status, is_final) as class,
         (coalesce(sent_at, first_event_at) at time zone 'UTC')::date as day
  from telnyx.message_deliveries
) d
group by account, carrier, line_type, day;

comment on view telnyx.delivery_by_carrier_daily is
  'What became of each day''s messages at each carrier: shows which carrier blocks or does not confirm. One row per account, carrier, kind of line and day.';
comment on column telnyx.delivery_by_carrier_daily.account is 'The account.';
comment on column telnyx.delivery_by_carrier_daily.carrier is 'The recipients'' carrier; empty if Telnyx did not name it.';
comment on column telnyx.delivery_by_carrier_daily.line_type is 'The recipients'' kind of line (Wireless, VoIP, ...).';
comment on column telnyx.delivery_by_carrier_daily.day is 'The day (UTC) on which they were sent; if that is not known, on which we first heard of them.';
comment on column telnyx.delivery_by_carrier_daily.messages is 'How many deliveries: the sum of the next four.';
comment on column telnyx.delivery_by_carrier_daily.delivered is 'Delivered, or even read.';
comment on column telnyx.delivery_by_carrier_daily.failed is 'Not delivered.';
comment on column telnyx.delivery_by_carrier_daily.unconfirmed is 'Nothing more is expected, and the carrier never said whether they arrived.';
comment on column telnyx.delivery_by_carrier_daily.pending is 'Still under way.';

create view telnyx.error_breakdown_daily with (security_invoker = true) as
select d.account, d.error_code, d.day, known.title, known.category, d.messages
from (
  select account, code as error_code, (status_at at time zone 'UTC')::date as day, count(*) as messages
  from telnyx.message_deliveries cross join unnest(error_codes) as code
  where error_codes <> '{}'
  group by account, code, (status_at at time zone 'UTC')::date
) d
-- codes that the reference does not know are shown without a title
left join telnyx.error_codes known on known.code = d.error_code;

comment on view telnyx.error_breakdown_daily is
  'Why messages failed: one row per account, error code and day. A delivery with two codes counts under each. What to do about a code: error_codes.';
comment on column telnyx.error_breakdown_daily.account is 'The account.';
comment on column telnyx.error_breakdown_daily.error_code is 'Telnyx''s error code, e.g. 40300.';
comment on column telnyx.error_breakdown_daily.day is 'The day (UTC) on which it was reported.';
comment on column telnyx.error_breakdown_daily.title is 'The code in words; empty if it is not in error_codes.';
comment on column telnyx.error_breakdown_daily.category is 'Whether trying again can help, in Telnyx''s words; empty if Telnyx does not say.';
comment on column telnyx.error_breakdown_daily.messages is 'How many deliveries ended with it.';

-- 24 hours, not a day, which may have 23 or 25 hours in the session's zone.
create view telnyx.stuck_messages with (security_invoker = true) as
select message_id, recipient, account, sender, carrier, sent_at
from telnyx.message_deliveries
where not is_final and sent_at < now() - interval '24 hours';

comment on view telnyx.stuck_messages is
  'Messages that were sent more than 24 hours ago and of which nothing final has been heard: a carrier without receipts, or a webhook that never came.';
comment on column telnyx.stuck_messages.message_id is 'Telnyx''s id of the message.';
comment on column telnyx.stuck_messages.recipient is 'Who it was sent to.';
comment on column telnyx.stuck_messages.account is 'The account.';
comment on column telnyx.stuck_messages.sender is 'The number or sender name it was sent from.';
comment on column telnyx.stuck_messages.carrier is 'The recipient''s carrier.';
comment on column telnyx.stuck_messages.sent_at is 'When Telnyx sent it on.';
