-- State of the installation, not computed from events: events that a projection could not apply.

create table telnyx.dead_letters (
  projection      text collate "C" not null,
  event_key       uuid not null,
  error_class     text collate "C" not null,
  sqlstate        text collate "C",
  first_failed_at timestamptz not null,
  attempts        integer not null default 1,
  retention_class text collate "C",
  occurred_at     timestamptz,
  constraint dead_letters_pk primary key (projection, event_key)
);
comment on table telnyx.dead_letters is
  'Events that a projection could not apply because of a fault in our code or database. The event itself is safe in events. This table should be empty.';
comment on column telnyx.dead_letters.projection is 'Projection that failed: see projection_state.';
comment on column telnyx.dead_letters.event_key is 'Event that failed: see events.';
comment on column telnyx.dead_letters.error_class is 'Kind of error.';
comment on column telnyx.dead_letters.sqlstate is 'SQLSTATE of the error, if the database raised it.';
comment on column telnyx.dead_letters.first_failed_at is 'Time of the first failure.';
comment on column telnyx.dead_letters.attempts is 'Number of attempts so far.';
comment on column telnyx.dead_letters.retention_class is
  'Retention class of the event: with occurred_at, the part of events that holds it. Null for failures from before this column existed.';
comment on column telnyx.dead_letters.occurred_at is 'Time of the event, according to Telnyx. Null for failures from before this column existed.';
