-- How the ledger itself fares: ids of Telnyx that stand for several events, and how long an event takes to get here.
-- Both read indexes only, never the events, whose bodies are most of the data base.

-- Cost of events_event_id_idx: 90 bytes and about 4 µs for each event, where a row is 2,000 bytes and takes 16 µs to append; its random
-- places are in the pages of the current month only. Nothing less finds a repeated id without reading all events.
-- Cost of events_recorded_idx: 31 bytes and about 1 µs, always at its end. A BRIN index would cost less and make the view read bodies.
create index events_event_id_idx on telnyx.events (account, event_id, occurred_at) where event_id is not null;
create index events_recorded_idx on telnyx.events (recorded_at, received_at);

-- A missing event_id is no id, and in conflict with nothing. An event_key is stored once, so that rows are counted.
create view telnyx.event_id_conflicts with (security_invoker = true) as
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

-- Readings: a percentile between two events lies on the line from the one to the other; the first minute may be a part of one.
create view telnyx.pipeline_lag with (security_invoker = true) as
select minute, count(*) as events,
       percentile_cont(0.5) within group (order by lag_seconds) as p50_seconds,
       percentile_cont(0.99) within group (order by lag_seconds) as p99_seconds
from (
  select date_trunc('minute', recorded_at at time zone 'UTC') at time zone 'UTC' as minute,
         extract(epoch from recorded_at - received_at)::double precision as lag_seconds
  from telnyx.events
  where recorded_at > now() - interval '24 hours'
) e
group by minute;

comment on view telnyx.pipeline_lag is
  'How long events took from our front door to this database, for each minute of the last 24 hours in which any was stored. Grows while Kafka or the projector is behind.';
comment on column telnyx.pipeline_lag.minute is 'Start of the minute in which they were stored.';
comment on column telnyx.pipeline_lag.events is 'How many events were stored in it.';
comment on column telnyx.pipeline_lag.p50_seconds is 'Half of them took at most so many seconds.';
comment on column telnyx.pipeline_lag.p99_seconds is '99 of 100 took at most so many seconds.';
