-- Both views of the ledger's own state, this one and pipeline_lag, read indexes only. The bodies of events are most of the database.
-- A missing event_id conflicts with nothing. An event_key is stored once, so counting rows counts events.

create or replace view telnyx.event_id_conflicts with (security_invoker = true) as
select account, event_id, count(*) as events, min(occurred_at) as first_occurred_at, max(occurred_at) as last_occurred_at
from telnyx.events
where event_id is not null
group by account, event_id
having count(*) > 1;

comment on view telnyx.event_id_conflicts is
  'Event ids that Telnyx gave to more than one event. A consumer that drops repeated ids loses these events. The ledger keeps them all.';
comment on column telnyx.event_id_conflicts.account is 'Account.';
comment on column telnyx.event_id_conflicts.event_id is 'Id that Telnyx gave to several events.';
comment on column telnyx.event_id_conflicts.events is 'Number of different events that have this id.';
comment on column telnyx.event_id_conflicts.first_occurred_at is 'Time of the first of them.';
comment on column telnyx.event_id_conflicts.last_occurred_at is 'Time of the last of them.';
