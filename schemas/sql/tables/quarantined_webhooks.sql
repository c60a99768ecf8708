-- State of the installation, not computed from events: webhooks that cannot become events.

create table telnyx.quarantined_webhooks (
  quarantine_key   uuid not null,
  account          text collate "C",
  reason           text collate "C" not null,
  received_at      timestamptz not null,
  body             bytea not null,
  signature        bytea,
  signed_timestamp text collate "C",
  key_id           text collate "C",
  requeued_at      timestamptz,
  constraint quarantined_webhooks_pk primary key (quarantine_key)
);
comment on table telnyx.quarantined_webhooks is
  'Signed webhooks that could not be understood or came outside the time window, and forgeries found in Kafka. They are kept for a person to look at.';
comment on column telnyx.quarantined_webhooks.quarantine_key is
  'Identity of the row: the event key if the webhook has one, else a hash of the body.';
comment on column telnyx.quarantined_webhooks.account is 'Account whose key signed it.';
comment on column telnyx.quarantined_webhooks.reason is
  'stale_timestamp, future_timestamp, forged, not_json, webhook_api_v1, no_data, too_deep, no_event_type or no_occurred_at.';
comment on column telnyx.quarantined_webhooks.received_at is 'Time at which our ingest received it first.';
comment on column telnyx.quarantined_webhooks.body is 'The body, byte for byte. May hold message text.';
comment on column telnyx.quarantined_webhooks.signature is 'Ed25519 signature.';
comment on column telnyx.quarantined_webhooks.signed_timestamp is 'The telnyx-timestamp header.';
comment on column telnyx.quarantined_webhooks.key_id is 'Key that signed it: see signing_keys.';
comment on column telnyx.quarantined_webhooks.requeued_at is 'Time at which an operator requeued it to be read again. The row stays.';
