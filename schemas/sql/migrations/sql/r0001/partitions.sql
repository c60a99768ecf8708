-- Partitions of telnyx.events are made when a month is first needed.
-- Why functions with their owner's rights: the roles that append have no DDL rights.
-- Why no default partition: attaching a month would have to scan it, and rows would sit in it unnoticed.

create function telnyx.ensure_partition(class text, at timestamptz) returns text
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
  return child;
end
$$;
comment on function telnyx.ensure_partition(text, timestamptz) is
  'Makes the partition of events for a retention class and moment if it is not there yet, and returns its name. Safe to call from many sessions at once.';

create function telnyx.ensure_partitions(first_at timestamptz, months integer) returns integer
  language plpgsql
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
as $$
declare
  ahead integer;
  class text;
begin
  for ahead in 0..months loop
    foreach class in array array['consent', 'registry', 'traffic'] loop
      perform telnyx.ensure_partition(class, date_trunc('month', first_at) + make_interval(months => ahead));
    end loop;
  end loop;
  return (months + 1) * 3;
end
$$;
comment on function telnyx.ensure_partitions(timestamptz, integer) is
  'Makes the partitions of every retention class for the month of a moment and the given number of months after it. Returns how many it saw to.';

do $$
declare
  class text;
begin
  foreach class in array array['consent', 'registry', 'traffic'] loop
    perform telnyx.ensure_partition(class, '2014-12-31 00:00:00+00');
    perform telnyx.ensure_partition(class, '2050-01-01 00:00:00+00');
  end loop;
end
$$;
