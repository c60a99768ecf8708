-- The months of events that were shown to every session: see functions/ensure_partition.sql.
-- Every migrate runs this file, because databases made before it have no such table.

create table if not exists telnyx_partitions.months (
  name     text collate "C" not null,
  shown_at timestamptz not null default clock_timestamp(),
  constraint months_pk primary key (name)
);
comment on table telnyx_partitions.months is 'Months of events that were shown to every session. Only these are filled.';
comment on column telnyx_partitions.months.name is 'Name of the partition in this schema.';
comment on column telnyx_partitions.months.shown_at is 'Time at which the month was shown to every session.';

-- Databases made before this table existed keep the mark as a comment on the partition.
insert into telnyx_partitions.months (name)
select relname from pg_class
where relnamespace = 'telnyx_partitions'::regnamespace and obj_description(oid, 'pg_class') = 'known to every session'
on conflict on constraint months_pk do nothing;
