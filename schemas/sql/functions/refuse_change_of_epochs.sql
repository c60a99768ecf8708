-- Keeps telnyx.store_epochs append-only.

create or replace function telnyx.refuse_change_of_epochs() returns trigger language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception '% on telnyx.store_epochs refused: epochs are append-only evidence', tg_op using errcode = 'insufficient_privilege';
end
$$;
comment on function telnyx.refuse_change_of_epochs() is 'Trigger that refuses every change and removal of epochs.';
