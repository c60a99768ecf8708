-- Errors per day. Codes that error_codes does not know are shown without a title.

create or replace view telnyx.error_breakdown_daily with (security_invoker = true) as
select d.account, d.error_code, d.day, known.title, known.category, d.messages
from (
  select account, code as error_code, (status_at at time zone 'UTC')::date as day, count(*) as messages
  from telnyx.message_deliveries cross join unnest(error_codes) as code
  where error_codes <> '{}'
  group by account, code, (status_at at time zone 'UTC')::date
) d
left join telnyx.error_codes known on known.code = d.error_code;

comment on view telnyx.error_breakdown_daily is
  'Errors of failed messages: one row per account, error code and day. A message with two codes counts under each. The advice for a code is in error_codes.';
comment on column telnyx.error_breakdown_daily.account is 'Account.';
comment on column telnyx.error_breakdown_daily.error_code is 'Telnyx''s error code, e.g. 40300.';
comment on column telnyx.error_breakdown_daily.day is 'Day (UTC) on which the error was reported.';
comment on column telnyx.error_breakdown_daily.title is 'Meaning of the code; empty if it is not in error_codes.';
comment on column telnyx.error_breakdown_daily.category is
  'Telnyx''s category, which says whether trying again can help; empty if Telnyx gives none.';
comment on column telnyx.error_breakdown_daily.messages is 'Number of messages that ended with this code, counted once per recipient.';
