-- Who said stop, who was sent to none the less, and whom only we hold back.

create or replace view telnyx.opt_out_daily with (security_invoker = true) as
select account, messaging_profile_id, day,
       count(*) filter (where action = 'opt_out' and basis <> 'blocked_send') as opt_outs,
       count(*) filter (where action = 'opt_in') as opt_ins,
       count(*) filter (where action = 'help') as helps,
       count(*) filter (where basis = 'blocked_send') as blocked_sends
from (
  select account, messaging_profile_id, action, basis, (occurred_at at time zone 'UTC')::date as day
  from telnyx.opt_out_events
) e
group by account, messaging_profile_id, day;

comment on view telnyx.opt_out_daily is
  'How many people wrote STOP, START or HELP each day, and how many sends Telnyx refused because of a STOP: one row per account, messaging profile and day.';
comment on column telnyx.opt_out_daily.account is 'The account.';
comment on column telnyx.opt_out_daily.messaging_profile_id is 'The messaging profile; empty text if the webhooks name none.';
comment on column telnyx.opt_out_daily.day is 'The day (UTC) on which they wrote, or on which the send was refused.';
comment on column telnyx.opt_out_daily.opt_outs is 'Messages by which someone opted out. Repeating it counts again.';
comment on column telnyx.opt_out_daily.opt_ins is 'Messages by which someone opted in again.';
comment on column telnyx.opt_out_daily.helps is 'Messages that asked for help.';
comment on column telnyx.opt_out_daily.blocked_sends is 'Sends that Telnyx refused because the recipient had opted out (40300).';
