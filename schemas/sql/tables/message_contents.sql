create table telnyx.message_contents (
  message_id  text collate "C" not null,
  text        text collate "C",
  media       jsonb not null default '[]',
  event_key   uuid not null,
  occurred_at timestamptz not null,
  constraint message_contents_pk primary key (message_id)
);
comment on table telnyx.message_contents is 'What an inbound message says. Personal: for auditors only.';
comment on column telnyx.message_contents.message_id is 'Telnyx''s id of the message: see inbound_messages.';
comment on column telnyx.message_contents.text is 'The text as written; null if there is none.';
comment on column telnyx.message_contents.media is 'The attached media as Telnyx sent them; [] if there are none.';
comment on column telnyx.message_contents.event_key is 'The event that this row was taken from: see events.';
comment on column telnyx.message_contents.occurred_at is 'When that event occurred: of two events of one message the later one wins. For the projector.';
