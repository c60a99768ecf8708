-- A missing event_id is no id, and in conflict with nothing. An event_key is stored once, so that rows are counted.
create or replace view telnyx.event_id_conflicts with (security_invoker = true) as
select account, event_id, count(*) as events, min(occurred_at) as first_occurred_at, max(occurred_at) as last_occurred_at
from telnyx.events
where event_id is not null
group by account, event_id
having count(*) > 1;

comment on view telnyx.event_id_conflicts is
  'Event ids that Telnyx gave to more than one event: whoever throws away repeated ids loses these. The ledger keeps them all.';
comment on column telnyx.event_id_conflicts.account is 'The account.';
comment on column telnyx.event_id_conflicts.event_id is 'The id that Telnyx gave to several events.';
comment on column telnyx.event_id_conflicts.events is 'How many different events have it.';
comment on column telnyx.event_id_conflicts.first_occurred_at is 'When the first of them occurred.';
comment on column telnyx.event_id_conflicts.last_occurred_at is 'When the last of them occurred.';
