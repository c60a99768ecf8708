-- Block lists of carriers, folded from keywords.
-- Readings: an auto-response counts with any keyword; a message without one counts only with the words that carriers know. changed_at is
-- defined as in opt_outs: the first of the unbroken run of equal actions. account is that of the latest event.

create or replace view telnyx.toll_free_blocks with (security_invoker = true) as
select via_number, phone_number, account, blocked, changed_at
from (
  select via_number, phone_number, action = 'opt_out' as blocked,
         -- The first of the latest run is the latest that starts a run.
         occurred_at as changed_at,
         starts_run,
         row_number() over (partition by via_number, phone_number, starts_run order by occurred_at desc, event_key desc) as nth_latest,
         first_value(account) over (partition by via_number, phone_number order by occurred_at desc, event_key desc) as account
  from (
    select via_number, phone_number, account, action, occurred_at, event_key,
           lag(action) over (partition by via_number, phone_number order by occurred_at, event_key) is distinct from action as starts_run
    from telnyx.opt_out_events
    where action in ('opt_out', 'opt_in') and (basis = 'autoresponse' or keyword in ('STOP', 'START', 'UNSTOP'))
      and telnyx.is_toll_free(via_number)
  ) said
) run
where starts_run and nth_latest = 1;

comment on view telnyx.toll_free_blocks is
  'People whom carriers block for one of our toll-free numbers. Carriers keep this list per number, independently of the messaging profile''s rule. Only START or UNSTOP to the same number lifts the block.';
comment on column telnyx.toll_free_blocks.via_number is 'Our toll-free number.';
comment on column telnyx.toll_free_blocks.phone_number is 'The person who wrote STOP or START to it.';
comment on column telnyx.toll_free_blocks.account is 'Account whose key signed the latest of these messages.';
comment on column telnyx.toll_free_blocks.blocked is
  'True: carriers stop messages from this number to this person. False: they let them through again.';
comment on column telnyx.toll_free_blocks.changed_at is 'Time since which that is so. Repeating a STOP or START changes nothing.';
