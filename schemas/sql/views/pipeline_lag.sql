-- The time from ingest to the database, read from an index only.
-- Readings: a percentile between two events lies on the line from one to the other. The first minute may be incomplete.

create or replace view telnyx.pipeline_lag with (security_invoker = true) as
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
  'Time that events took from ingest to this database, for each minute of the last 24 hours in which an event was stored. It grows while Kafka or the projector is behind.';
comment on column telnyx.pipeline_lag.minute is 'Start of the minute in which the events were stored.';
comment on column telnyx.pipeline_lag.events is 'Number of events stored in that minute.';
comment on column telnyx.pipeline_lag.p50_seconds is 'Half of them took at most this many seconds.';
comment on column telnyx.pipeline_lag.p99_seconds is '99 of 100 took at most this many seconds.';
