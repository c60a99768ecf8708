-- Which webhooks name a person. Why: message_deliveries and inbound_messages know the last webhook of a message and not the others, and
-- evidence about a person must leave none out.
-- Why beside the batches (projections/tables/persons.py): an event's batch would pay a row and a place in an index for what is asked for rarely.

create table telnyx.person_events (
  phone_number    text collate "C" not null,
  occurred_at     timestamptz not null,
  event_key       uuid not null,
  retention_class text collate "C" not null,
  constraint person_events_pk primary key (phone_number, occurred_at, event_key)
);
comment on table telnyx.person_events is
  'Which webhooks name a person: who wrote to us, was sent to, was copied in, or opened a link. Join events on retention_class, occurred_at and event_key. A little behind: see person_events_filled.';
comment on column telnyx.person_events.phone_number is 'The person: a number in +digits, or an agent id.';
comment on column telnyx.person_events.occurred_at is 'When it happened, according to Telnyx.';
comment on column telnyx.person_events.event_key is 'The event: see events.';
comment on column telnyx.person_events.retention_class is 'As in events; with time and key it names the row there.';

create table telnyx.person_events_filled (
  one_row  boolean not null default true,
  position  bigint not null default 0,
  filled_at timestamptz not null default clock_timestamp(),
  constraint person_events_filled_pk primary key (one_row),
  constraint person_events_filled_one_row check (one_row)
);
insert into telnyx.person_events_filled default values;
comment on table telnyx.person_events_filled is 'How far person_events goes: one row.';
comment on column telnyx.person_events_filled.one_row is 'Always true: there is one row.';
comment on column telnyx.person_events_filled.position is 'Every event up to this position is in person_events.';
comment on column telnyx.person_events_filled.filled_at is 'When that was so.';
