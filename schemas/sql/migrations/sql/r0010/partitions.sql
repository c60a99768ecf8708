-- A month that is made is seen by every statement, also by one that was being planned at that moment.
-- Sessions keep plans. Postgres drops a plan for a change of a relation that its statement names, or that the finished plan reads. While
-- it is being made it reads nothing yet: a change of events_consent, which no statement names, then went unnoticed, and the plan lacked
-- that month for as long as the session lived: a poller missed its events. Seen where three classes got their month one after the other,
-- since each made the plans anew. With the month, `events` itself is now changed, which every statement names.
-- The function is that of r0001/partitions.sql, but for its last statement.

create or replace function telnyx.ensure_partition(class text, at timestamptz) returns text
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
as $$
declare
  parent text := 'events_' || class;
  child text;
  lower_bound text;
  upper_bound text;
begin
  if class is null or at is null or class not in ('consent', 'registry', 'traffic') then
    raise exception 'no partition for retention class % at %', class, at using errcode = 'invalid_parameter_value';
  end if;
  if at < '2015-01-01 00:00:00+00' then
    child := parent || '_before_2015';
    lower_bound := 'minvalue';
    upper_bound := quote_literal('2015-01-01 00:00:00+00');
  elsif at >= '2050-01-01 00:00:00+00' then
    child := parent || '_from_2050';
    lower_bound := quote_literal('2050-01-01 00:00:00+00');
    upper_bound := 'maxvalue';
  else
    child := parent || to_char(at, '_YYYY_MM');
    lower_bound := quote_literal(date_trunc('month', at));
    upper_bound := quote_literal(date_trunc('month', at) + interval '1 month');
  end if;
  if exists (select from pg_class where relnamespace = 'telnyx_partitions'::regnamespace and relname = child) then
    return child;
  end if;
  -- Two writers may need one month at once: the second waits here until the first has committed, and then finds it
  -- (by a query: to_regclass would answer from this session's cache, which an advisory lock does not refresh).
  perform pg_advisory_xact_lock(7310003);
  if exists (select from pg_class where relnamespace = 'telnyx_partitions'::regnamespace and relname = child) then
    return child;
  end if;
  -- A table of its own, then ATTACH: that takes no lock which stops readers or writers of the other partitions.
  execute format('create table telnyx_partitions.%I'
                 ' (like telnyx_partitions.%I including defaults including constraints including comments)', child, parent);
  execute format('create trigger events_no_truncate before truncate on telnyx_partitions.%I'
                 ' for each statement execute function telnyx.refuse_change()', child);
  execute format('alter table telnyx_partitions.%I enable always trigger events_no_truncate', child);
  execute format('alter table telnyx_partitions.%I attach partition telnyx_partitions.%I for values from (%s) to (%s)',
                 parent, child, lower_bound, upper_bound);
  -- Changes nothing, but says to every session that `events` was changed.
  alter table only telnyx.events alter column position set statistics -1;
  return child;
end
$$;
