-- person_events becomes a projection like any other (projections/tables/persons.py).
-- Why not beside the batches any more: reading an event again cost 74 to 200 µs, its rows in the batch that stores it cost 10, and what is
-- written with the event is never behind it.
-- Its rows stay; a rebuild adds those that are missing, and evidence is refused until it was made.

drop table telnyx.person_events_filled;
comment on table telnyx.person_events is
  'Which webhooks name a person: who wrote to us, was sent to, was copied in, or opened a link. Join events on retention_class, occurred_at and event_key.';
