create or replace view telnyx.error_breakdown_daily with (security_invoker = true) as
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
