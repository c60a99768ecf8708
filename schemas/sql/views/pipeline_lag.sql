-- Readings: a percentile between two events lies on the line from the one to the other; the first minute may be a part of one.
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
  'How long events took from our front door to this database, for each minute of the last 24 hours in which any was stored. Grows while Kafka or the projector is behind.';
comment on column telnyx.pipeline_lag.minute is 'Start of the minute in which they were stored.';
comment on column telnyx.pipeline_lag.events is 'How many events were stored in it.';
comment on column telnyx.pipeline_lag.p50_seconds is 'Half of them took at most so many seconds.';
comment on column telnyx.pipeline_lag.p99_seconds is '99 of 100 took at most so many seconds.';
