-- Partitions of telnyx.events are made when a month is first needed.
-- The function has the rights of its owner, because the roles that append have no DDL rights.
-- There is no default partition: attaching a month would have to scan it, and rows would sit in it unnoticed.
--
-- A month is filled only after every session knows it. A session that reads the list of a class's partitions during the ATTACH may
-- receive its invalidation while it reads. It then keeps the list without the month for as long as it lives, and a poller misses events.
-- (Seen with PostgreSQL 18.4. Neither a new statement text nor DISCARD PLANS helps; a later change of the class does.)
-- Therefore one transaction makes a month and the next one shows it. Showing waits until the transactions that may be reading the list
-- have ended, or for 2 s: a longer reader has read the list before. It then changes the class and `events`, and marks the month in
-- telnyx_partitions.months. Writers call this function until the month is marked, each time in a separate transaction: twice.
--
-- A month that was detached or dropped keeps its mark: given_up_months finds it by that. An event that arrives later gets a partition
-- with a number after the name, so that nobody drops it together with the old one.

-- requires: tables/months.sql

create or replace function telnyx.ensure_partition(class text, at timestamptz) returns text
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
as $$
declare
  parent text := 'events_' || class;
  month text;
  child text;  -- the attached partition, else the one to make
  number integer := 1;
  lower_bound text;
  upper_bound text;
  is_shown boolean;  -- null: not made yet
begin
  if class is null or at is null or class not in ('consent', 'registry', 'traffic') then
    raise exception 'no partition for retention class % at %', class, at using errcode = 'invalid_parameter_value';
  end if;
  if at < '2015-01-01 00:00:00+00' then
    month := parent || '_before_2015';
    lower_bound := 'minvalue';
    upper_bound := quote_literal('2015-01-01 00:00:00+00');
  elsif at >= '2050-01-01 00:00:00+00' then
    month := parent || '_from_2050';
    lower_bound := quote_literal('2050-01-01 00:00:00+00');
    upper_bound := 'maxvalue';
  else
    month := parent || to_char(at, '_YYYY_MM');
    lower_bound := quote_literal(date_trunc('month', at));
    upper_bound := quote_literal(date_trunc('month', at) + interval '1 month');
  end if;
  select relname into child
  from pg_inherits join pg_class on pg_class.oid = inhrelid join telnyx_partitions.months on months.name = relname
  where inhparent = format('telnyx_partitions.%I', parent)::regclass and not inhdetachpending
    and relname ~ format('^%s(_[0-9]+)?$', month);
  if found then
    return child;
  end if;
  -- If two writers need one month at once, the second waits here until the first has committed, and then finds the month.
  -- It finds it by a query: to_regclass would answer from this session's cache. The lock is on a table that only the owner may write:
  -- every login may take an advisory lock, and would hold back the writers.
  lock table telnyx_partitions.months in share row exclusive mode;
  select relname, exists (select from telnyx_partitions.months where name = relname) into child, is_shown
  from pg_inherits join pg_class on pg_class.oid = inhrelid
  where inhparent = format('telnyx_partitions.%I', parent)::regclass and not inhdetachpending
    and relname ~ format('^%s(_[0-9]+)?$', month);
  if is_shown then
    return child;
  elsif not is_shown then
    <<show>>
    declare
      class_oid constant oid := format('telnyx_partitions.%I', parent)::regclass;
      here constant oid := (select oid from pg_database where datname = current_database());
      readers constant text[] := array(
        select virtualtransaction from pg_locks
        where database = here and relation = class_oid and pid <> pg_backend_pid());
      deadline constant timestamptz := clock_timestamp() + interval '2 seconds';
    begin
      while clock_timestamp() < deadline and exists (
        select from pg_locks
        where database = here and relation = class_oid and virtualtransaction = any (readers)) loop
        perform pg_sleep(0.002);
      end loop;
    end show;
    execute format('alter table only telnyx_partitions.%I alter column position set statistics -1', parent);
    alter table only telnyx.events alter column position set statistics -1;
    insert into telnyx_partitions.months (name) values (child) on conflict do nothing;
    return child;
  end if;
  child := month;
  while exists (select from pg_class where relnamespace = 'telnyx_partitions'::regnamespace and relname = child)
     or exists (select from telnyx_partitions.months where name = child) loop
    number := number + 1;
    child := format('%s_%s', month, number);
  end loop;
  -- CREATE, then ATTACH: that takes no lock which stops readers or writers of the other partitions.
  execute format('create table telnyx_partitions.%I'
                 ' (like telnyx_partitions.%I including defaults including constraints including comments)', child, parent);
  execute format('create trigger events_no_truncate before truncate on telnyx_partitions.%I'
                 ' for each statement execute function telnyx.refuse_change()', child);
  execute format('alter table telnyx_partitions.%I enable always trigger events_no_truncate', child);
  execute format('alter table telnyx_partitions.%I attach partition telnyx_partitions.%I for values from (%s) to (%s)',
                 parent, child, lower_bound, upper_bound);
  -- This changes nothing, but makes every session plan its statements on `events` again.
  alter table only telnyx.events alter column position set statistics -1;
  return child;
end
$$;
comment on function telnyx.ensure_partition(text, timestamptz) is
  'Makes the partition of events for a retention class and moment if it does not exist yet, and returns its name. Safe to call from many sessions at once.';
