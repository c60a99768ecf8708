-- Results of messages per carrier and day. AT TIME ZONE 'UTC' makes days those of UTC in every session.

create or replace view telnyx.delivery_by_carrier_daily with (security_invoker = true) as
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
  'Results of each day''s messages at each carrier: shows which carrier blocks or does not confirm. One row per account, carrier, kind of line and day.';
comment on column telnyx.delivery_by_carrier_daily.account is 'Account.';
comment on column telnyx.delivery_by_carrier_daily.carrier is 'Carrier of the recipients; empty if Telnyx did not name it.';
comment on column telnyx.delivery_by_carrier_daily.line_type is 'Kind of line of the recipients (Wireless, VoIP, ...).';
comment on column telnyx.delivery_by_carrier_daily.day is
  'Day (UTC) on which the messages were sent; if that is not known, the day of their first event.';
comment on column telnyx.delivery_by_carrier_daily.messages is 'Number of messages, counted once per recipient: the sum of the next four.';
comment on column telnyx.delivery_by_carrier_daily.delivered is 'Delivered, or even read.';
comment on column telnyx.delivery_by_carrier_daily.failed is 'Not delivered.';
comment on column telnyx.delivery_by_carrier_daily.unconfirmed is
  'Nothing more is expected, and the carrier never said whether they arrived.';
comment on column telnyx.delivery_by_carrier_daily.pending is 'Still under way.';
