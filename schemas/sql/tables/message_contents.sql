-- Texts of inbound messages, apart from inbound_messages because they are personal.

create table telnyx.message_contents (
  message_id  text collate "C" not null,
  text        text collate "C",
  media       jsonb not null default '[]',
  event_key   uuid not null,
  occurred_at timestamptz not null,
  constraint message_contents_pk primary key (message_id)
);
comment on table telnyx.message_contents is 'Text and media of inbound messages. Personal: for auditors only.';
comment on column telnyx.message_contents.message_id is 'Telnyx''s id of the message: see inbound_messages.';
comment on column telnyx.message_contents.text is 'The text as written; null if there is none.';
comment on column telnyx.message_contents.media is 'Attached media as Telnyx sent them; [] if there are none.';
comment on column telnyx.message_contents.event_key is 'Event that this row was taken from: see events.';
comment on column telnyx.message_contents.occurred_at is
  'Time of that event. Of two events of one message the later one wins. For the projector.';
