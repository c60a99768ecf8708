-- Webhooks that name a person. message_deliveries and inbound_messages know only the last webhook of a message, and evidence about a
-- person must leave none out.
-- The rows are written in the batch of the event: they cost 10 µs there, while reading an event again later cost 74 to 200 µs.

create table telnyx.person_events (
  phone_number    text collate "C" not null,
  occurred_at     timestamptz not null,
  event_key       uuid not null,
  retention_class text collate "C" not null,
  constraint person_events_pk primary key (phone_number, occurred_at, event_key)
);
comment on table telnyx.person_events is
  'One row per person and webhook that names the person as sender, recipient, copied recipient or opener of a link. Join events on retention_class, occurred_at and event_key.';
comment on column telnyx.person_events.phone_number is 'The person: a number in +digits, or an agent id.';
comment on column telnyx.person_events.occurred_at is 'Time of the event, according to Telnyx.';
comment on column telnyx.person_events.event_key is 'Event: see events.';
comment on column telnyx.person_events.retention_class is 'As in events. With time and key it identifies the row there.';
