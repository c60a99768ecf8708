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

comment on table telnyx.link_clicks is 'Each time a link that Telnyx shortened in one of our messages was opened.';
comment on column telnyx.link_clicks.event_key is 'The event: see events.';
comment on column telnyx.link_clicks.account is 'The account whose key signed the webhook.';
comment on column telnyx.link_clicks.message_id is 'The message that the link was in: see message_deliveries.';
comment on column telnyx.link_clicks.recipient is 'Who the message was sent to.';
comment on column telnyx.link_clicks.url is 'The address that the link leads to.';
comment on column telnyx.link_clicks.clicked_at is 'When it was opened.';
