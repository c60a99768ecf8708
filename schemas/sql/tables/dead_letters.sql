create table telnyx.dead_letters (
  projection      text collate "C" not null,
  event_key       uuid not null,
  error_class     text collate "C" not null,
  sqlstate        text collate "C",
  first_failed_at timestamptz not null,
  attempts        integer not null default 1,
  constraint dead_letters_pk primary key (projection, event_key)
);
comment on table telnyx.dead_letters is
  'Events that a projection could not apply because of a fault in our code or database. The event itself is safe in events. Should be empty.';
comment on column telnyx.dead_letters.projection is 'The projection that failed: see projection_state.';
comment on column telnyx.dead_letters.event_key is 'The event: see events.';
comment on column telnyx.dead_letters.error_class is 'The kind of error.';
comment on column telnyx.dead_letters.sqlstate is 'The database''s code of the error, if it was one of the database.';
comment on column telnyx.dead_letters.first_failed_at is 'When it failed for the first time.';
comment on column telnyx.dead_letters.attempts is 'How often it has been tried.';
