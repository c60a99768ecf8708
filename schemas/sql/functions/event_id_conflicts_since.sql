-- event_id_conflicts of a window of time.
-- Why a function: the view counts an id's events in all of time, so that no condition on a time can leave out a partition, and it reads an
-- index entry for each event of the account (0.5 µs; 4 s of ten million). What it would take for the view itself to be quick, a row of 200
-- bytes for each id that was ever seen, written with every event, costs more than the answer is worth.
-- Returns rows of the view, because they carry the collation of the index; one SELECT, so that the planner inlines it.

-- requires: views/event_id_conflicts.sql

create or replace function telnyx.event_id_conflicts_since(since timestamptz) returns setof telnyx.event_id_conflicts
  language sql stable parallel safe
begin atomic
  select e.account, e.event_id, count(*), min(e.occurred_at), max(e.occurred_at)
  from telnyx.events e
  where e.event_id is not null and e.occurred_at >= event_id_conflicts_since.since
  group by e.account, e.event_id
  having count(*) > 1;
end;
comment on function telnyx.event_id_conflicts_since(timestamptz) is
  'event_id_conflicts among the events that occurred since a moment, read without those before it. An id whose other event is older is told by the view alone.';
