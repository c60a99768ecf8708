-- Begins an epoch: moves positions on after an older copy of the database took over. For the owner only.
-- A thousand million positions are more than any database writes between a copy and its use.

create or replace function telnyx.begin_epoch(cause text) returns telnyx.store_epochs language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
declare
  epoch telnyx.store_epochs;
begin
  lock table telnyx.turns in share row exclusive mode;  -- no append is under way
  epoch.last_position := (select coalesce(max(position), 0) from telnyx.events);
  epoch.last_seal := (select coalesce(max(seq), 0) from telnyx.event_seals);
  epoch.first_position := greatest(epoch.last_position, (select last_value from telnyx.events_position_seq)) + 1000000000;
  epoch.reason := cause;
  epoch.began_at := clock_timestamp();
  perform setval('telnyx.events_position_seq', epoch.first_position, false);
  insert into telnyx.store_epochs values (epoch.*);
  return epoch;
end
$$;
comment on function telnyx.begin_epoch(text) is
  'Moves the positions of events on, after an older copy of the database took over, and records that in store_epochs.';
