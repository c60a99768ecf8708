-- Clicks on shortened links. The table has few indexes on purpose: it is small, and is joined to messages only.

create table telnyx.link_clicks (
  event_key  uuid not null,
  account    text collate "C" not null,
  message_id text collate "C",
  recipient  text collate "C",
  url        text collate "C",
  clicked_at timestamptz not null,
  constraint link_clicks_pk primary key (event_key)
);
create index link_clicks_message_id on telnyx.link_clicks (message_id);

comment on table telnyx.link_clicks is 'One row per opening of a link that Telnyx shortened in one of our messages.';
comment on column telnyx.link_clicks.event_key is 'Event: see events.';
comment on column telnyx.link_clicks.account is 'Account whose key signed the webhook.';
comment on column telnyx.link_clicks.message_id is 'Message that held the link: see message_deliveries.';
comment on column telnyx.link_clicks.recipient is 'Recipient of the message.';
comment on column telnyx.link_clicks.url is 'Address that the link leads to.';
comment on column telnyx.link_clicks.clicked_at is 'Time at which the link was opened.';
