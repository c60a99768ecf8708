-- Inbound messages without their text.
-- The text is personal and stands in message_contents: a role that counts messages need not be able to read it.

create table telnyx.inbound_messages (
  message_id           text collate "C" not null,
  account              text collate "C" not null,
  messaging_profile_id text collate "C",
  sender               text collate "C",
  recipients           text[] collate "C" not null default '{}',
  cc                   text[] collate "C" not null default '{}',
  message_type         text collate "C",
  encoding             text collate "C",
  parts                integer,
  carrier              text collate "C",
  line_type            text collate "C",
  autoresponse_type    text collate "C",
  received_at          timestamptz not null,
  event_key            uuid not null,
  occurred_at          timestamptz not null,
  constraint inbound_messages_pk primary key (message_id)
);
comment on table telnyx.inbound_messages is 'One row per message sent to one of our numbers, without its text.';
comment on column telnyx.inbound_messages.message_id is 'Telnyx''s id of the message.';
comment on column telnyx.inbound_messages.account is 'Account whose key signed the webhook.';
comment on column telnyx.inbound_messages.messaging_profile_id is 'Messaging profile that received the message.';
comment on column telnyx.inbound_messages.sender is 'Sender: a number in +digits, or a short code.';
comment on column telnyx.inbound_messages.recipients is 'Our numbers that the message was sent to.';
comment on column telnyx.inbound_messages.cc is 'Further recipients of a group message.';
comment on column telnyx.inbound_messages.message_type is 'SMS, MMS, RCS, WHATSAPP.';
comment on column telnyx.inbound_messages.encoding is 'Character encoding of the text (GSM-7, UCS-2, ...).';
comment on column telnyx.inbound_messages.parts is 'Number of parts.';
comment on column telnyx.inbound_messages.carrier is 'Carrier of the sender.';
comment on column telnyx.inbound_messages.line_type is 'Kind of line of the sender (Wireless, VoIP, ...).';
comment on column telnyx.inbound_messages.autoresponse_type is
  'Keyword that Telnyx recognised and answered: STOP, START, HELP, ... or a custom one.';
comment on column telnyx.inbound_messages.received_at is 'Time at which Telnyx received the message.';
comment on column telnyx.inbound_messages.event_key is 'Event that this row was taken from: see events.';
comment on column telnyx.inbound_messages.occurred_at is
  'Time of that event. Of two events of one message the later one wins. For the projector.';
