-- Keeps telnyx.events append-only.

create or replace function telnyx.refuse_change() returns trigger language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception '% on %.% refused: events are append-only evidence', tg_op, tg_table_schema, tg_table_name
    using errcode = 'insufficient_privilege',
          hint = 'To give up old evidence, detach whole partitions of telnyx_partitions with DETACH PARTITION ... CONCURRENTLY, then drop them.';
end
$$;
comment on function telnyx.refuse_change() is 'Trigger that refuses every change and removal of stored events.';
