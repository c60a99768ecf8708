-- Tables that are computed again beside the live ones, the drift between the two, and its repair.
-- projections/rebuild/shadow_tables.py replaces the names in braces: a relation and lists of its columns, from the catalogue.

-- name: columns
-- params: $1 table
select attribute.attname as name, attribute.attgenerated <> '' as generated,
       array_position(key.indkey::smallint[], attribute.attnum) as nth_of_key
from pg_attribute as attribute
join pg_index as key on key.indrelid = attribute.attrelid and key.indisprimary
where attribute.attrelid = ('telnyx.' || $1::text)::regclass and attribute.attnum > 0 and not attribute.attisdropped
order by attribute.attnum;

-- name: create_shadow
create temp table {table} (like telnyx.{table} including defaults including generated including constraints, primary key ({key}));

-- name: create_indexed_shadow
-- For tables that are read while they are written.
create temp table {table} (like telnyx.{table} including defaults including generated including constraints including indexes);

-- name: create_differing
-- The keys to compare again when the live table is repaired; `kind` is null for rows that were only written meanwhile.
create temp table differing_{table} as select {key}, null::text as kind, null::text[] as columns from telnyx.{table} with no data;

-- name: index_differing
create unique index on pg_temp.differing_{table} ({key});

-- name: note_written
-- params: $1 JSON array of rows
insert into pg_temp.differing_{table} ({key})
select {key} from json_to_recordset($1::json) as given ({key_types})
on conflict do nothing;

-- name: find_differing
-- Compares row images: 1.5 and 1.50 are equal amounts but different rows.
insert into pg_temp.differing_{table} ({key}, kind, columns)
select {key},
       case when live.{first_key} is null then 'missing' when shadow.{first_key} is null then 'extra' else 'wrong' end,
       case when live.{first_key} = shadow.{first_key} then array_remove(array[{names_of_different}], null) else array[]::text[] end
from telnyx.{table} as live full join pg_temp.{table} as shadow using ({key})
where record_image_ne(row({live_columns}), row({shadow_columns}))
on conflict do nothing;

-- name: given_up_months
create temp table given_up_months as select * from telnyx.given_up_months();

-- name: any_given_up
select exists (select from pg_temp.given_up_months);

-- name: find_kept
-- Facts of months that were given up, which no stored event makes again.
insert into pg_temp.differing_{table} ({key}, kind, columns)
select {key}, 'kept', array[]::text[] from telnyx.{table} as live
where {live_was_given_up} and not {live_event_is_stored}
  and not exists (select from pg_temp.{table} as shadow where {live_equals_shadow})
on conflict do nothing;

-- name: copy_kept
insert into pg_temp.{table} ({written})
select {live_written} from telnyx.{table} as live join pg_temp.differing_{table} as differing using ({key})
where differing.kind = 'kept';

-- name: touched_by_kept
-- The caller replaces <touched>.
select distinct <touched> from telnyx.{table} as live join pg_temp.differing_{table} as differing using ({key})
where differing.kind = 'kept';

-- name: keep_given_up
-- A row that no stored event makes again is kept. So is a row of several events, some of which may have been given up.
update pg_temp.differing_{table} as differing set kind = 'kept', columns = array[]::text[]
from telnyx.{table} as live
where {live_is_differing} and {live_was_given_up}
  and (differing.kind = 'extra' and not {live_event_is_stored} or differing.kind = 'wrong' and {has_several_events});

-- name: summary
-- params: $1 most examples of each kind
select kind, columns, rows, key
from (
  select kind, columns, array[{key_as_text}] as key,
         count(*) over (partition by kind, columns) as rows,
         row_number() over (partition by kind, columns order by {key}) as nth
  from pg_temp.differing_{table} where kind is not null
) as differing
where nth <= $1
order by kind, columns, nth;

-- name: remove_extra
delete from telnyx.{table} as live
using pg_temp.differing_{table} as differing
where {live_is_differing} and differing.kind is distinct from 'kept'
  and not exists (select from pg_temp.{table} as shadow where {shadow_is_differing});

-- name: put_right
-- Inserts new rows in the order of their events, as live traffic would: the rows of one month lie together. No projector
-- writes meanwhile, so the order of locks does not matter to them.
insert into telnyx.{table} as live ({written})
select {shadow_written}
from pg_temp.differing_{table} as differing join pg_temp.{table} as shadow using ({key})
where differing.kind is distinct from 'kept'
order by shadow.ctid
on conflict ({key}) do update set {assignments}
where record_image_ne(row({live_columns}), row({excluded_columns}));

-- name: forget_differing
delete from pg_temp.differing_{table};

-- name: try_lock
-- params: $1 projection
-- The session holds the lock: one rebuild of a projection at a time.
select pg_try_advisory_lock(7310006, hashtext($1::text));

-- name: unlock_all
select pg_advisory_unlock_all();

-- name: stop_projectors
-- Waits for every batch under way (each has run `lock_suspended`) and holds back the next ones until we commit. The
-- lock is on the table, not on the row: its queue is fair, so batches that follow each other without a pause cannot
-- starve us. Readers are not held back.
lock table telnyx.projection_state in exclusive mode;

-- name: resolve_all_but
-- params: $1 projection, $2 event keys that stay
delete from telnyx.dead_letters where projection = $1 and event_key <> all ($2::uuid[]);

-- name: live
-- params: $1 projection, $2 version
insert into telnyx.projection_state as known (name, version, status, since) values ($1, $2, 'live', now())
on conflict (name) do update set
  version = excluded.version, status = excluded.status, reason = null,
  since = case when known.status = excluded.status then known.since else excluded.since end;
