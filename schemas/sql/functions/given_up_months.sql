-- The months of events that were given up: they were shown to every session once, and are not attached now.
-- The function has the rights of its owner, because the other roles do not see the schema of the partitions.

-- requires: tables/months.sql

create or replace function telnyx.given_up_months() returns table (retention_class text, first_at timestamptz, end_at timestamptz)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
as $$
  select given_up.parts[1],
         case given_up.parts[2] when 'before_2015' then '-infinity' when 'from_2050' then '2050-01-01 00:00:00+00'
           else to_timestamp(given_up.parts[2], 'YYYY_MM') end,
         case given_up.parts[2] when 'before_2015' then '2015-01-01 00:00:00+00' when 'from_2050' then 'infinity'
           else to_timestamp(given_up.parts[2], 'YYYY_MM') + interval '1 month' end
  from (
    select regexp_match(months.name, '^events_(consent|registry|traffic)_(before_2015|from_2050|[0-9]{4}_[0-9]{2})(_[0-9]+)?$') as parts
    from telnyx_partitions.months
    where not exists (
      select from pg_inherits join pg_class on pg_class.oid = inhrelid
      where relnamespace = 'telnyx_partitions'::regnamespace and relname = months.name and not inhdetachpending)
  ) as given_up
  where given_up.parts is not null
$$;
comment on function telnyx.given_up_months() is
  'Months of events, by retention class, whose partitions were detached or dropped. Rows of other tables that came from them are kept.';
