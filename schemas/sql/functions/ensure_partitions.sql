-- The months ahead, made by every migrate.

create or replace function telnyx.ensure_partitions(first_at timestamptz, months integer) returns integer
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
  'Makes the partitions of every retention class for the month of a moment and the given number of months after it. Returns the number of partitions that it ensured.';
