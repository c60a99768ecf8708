-- Keeps telnyx.event_seals append-only.

create or replace function telnyx.refuse_change_of_seals() returns trigger language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception '% on telnyx.event_seals refused: seals are append-only evidence', tg_op using errcode = 'insufficient_privilege';
end
$$;
comment on function telnyx.refuse_change_of_seals() is 'Trigger that refuses every change and removal of seals.';
