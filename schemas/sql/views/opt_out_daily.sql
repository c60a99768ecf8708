-- Consent per day.

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
  'Messages of people who wrote STOP, START or HELP, and sends that Telnyx refused because of a STOP: one row per account, messaging profile and day.';
comment on column telnyx.opt_out_daily.account is 'Account.';
comment on column telnyx.opt_out_daily.messaging_profile_id is 'Messaging profile; empty text if the webhooks name none.';
comment on column telnyx.opt_out_daily.day is 'Day (UTC) of the message or of the refusal.';
comment on column telnyx.opt_out_daily.opt_outs is 'Messages by which a person opted out. Repeating it counts again.';
comment on column telnyx.opt_out_daily.opt_ins is 'Messages by which a person opted in again.';
comment on column telnyx.opt_out_daily.helps is 'Messages that asked for help.';
comment on column telnyx.opt_out_daily.blocked_sends is 'Sends that Telnyx refused because the recipient had opted out (40300).';
