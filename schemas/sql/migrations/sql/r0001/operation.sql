-- Reference, and the state of the installation itself (not computed from events).

create table telnyx.error_codes (
  code     text collate "C" not null,
  title    text collate "C" not null,
  category text collate "C",
  advice   text collate "C",
  constraint error_codes_pk primary key (code),
  constraint error_codes_category_known check
    (category in ('auto_retriable', 'retriable_after_intervention', 'temporary_hold', 'permanent', 'action_required'))
);
comment on table telnyx.error_codes is 'What Telnyx''s messaging error codes mean and what to do about them. Brought up to date by every migrate.';
comment on column telnyx.error_codes.code is 'The code, e.g. 40300.';
comment on column telnyx.error_codes.title is 'What it means, in the vendor''s words.';
comment on column telnyx.error_codes.category is
  'auto_retriable, retriable_after_intervention, temporary_hold, permanent or action_required; null if the vendor gives none.';
comment on column telnyx.error_codes.advice is 'What the vendor says to do; null if nothing.';

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
  'Signed webhooks that could not be understood, or came outside the time window, and forgeries found in Kafka: kept for a person to look at.';
comment on column telnyx.quarantined_webhooks.quarantine_key is 'Its identity: the event key if it has one, else a hash of the body.';
comment on column telnyx.quarantined_webhooks.account is 'The account whose key signed it.';
comment on column telnyx.quarantined_webhooks.reason is
  'stale_timestamp, future_timestamp, forged, not_json, webhook_api_v1, no_data, too_deep, no_event_type or no_occurred_at.';
comment on column telnyx.quarantined_webhooks.received_at is 'When our ingest received it first.';
comment on column telnyx.quarantined_webhooks.body is 'The body, byte for byte. May hold message text.';
comment on column telnyx.quarantined_webhooks.signature is 'Its Ed25519 signature.';
comment on column telnyx.quarantined_webhooks.signed_timestamp is 'Its telnyx-timestamp header.';
comment on column telnyx.quarantined_webhooks.key_id is 'Which key signed it: see signing_keys.';
comment on column telnyx.quarantined_webhooks.requeued_at is 'When an operator released it to be read again; the row stays.';

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

create table telnyx.projection_state (
  name    text collate "C" not null,
  version integer not null,
  status  text collate "C" not null,
  reason  text collate "C",
  since   timestamptz not null,
  constraint projection_state_pk primary key (name),
  constraint projection_state_status_known check (status in ('live', 'suspended', 'rebuilding'))
);
comment on table telnyx.projection_state is 'Whether each projection (what computes the tables from the events) is up to date.';
comment on column telnyx.projection_state.name is 'The projection.';
comment on column telnyx.projection_state.version is 'Version of its rules; a rebuild is due when the program has a newer one.';
comment on column telnyx.projection_state.status is 'live, suspended (too many failures: its tables stand still) or rebuilding.';
comment on column telnyx.projection_state.reason is 'Why it is not live.';
comment on column telnyx.projection_state.since is 'Since when it has had this status.';

create table telnyx.projection_offsets (
  topic          text collate "C" not null,
  partition      integer not null,
  next_offset    bigint not null,
  last_offset    bigint,
  last_event_key uuid,
  cluster_id     text collate "C",
  owner          text collate "C",
  updated_at     timestamptz not null default clock_timestamp(),
  constraint projection_offsets_pk primary key (topic, partition)
) with (fillfactor = 50);
comment on table telnyx.projection_offsets is
  'How far each Kafka partition has been applied. Committed together with the rows, so this is the truth; Kafka''s own offsets only show lag.';
comment on column telnyx.projection_offsets.topic is 'The Kafka topic.';
comment on column telnyx.projection_offsets.partition is 'The partition of the topic.';
comment on column telnyx.projection_offsets.next_offset is 'The offset to read next.';
comment on column telnyx.projection_offsets.last_offset is 'The offset of the last record that was applied.';
comment on column telnyx.projection_offsets.last_event_key is 'The key of that record: if Kafka holds another one there, the log is not the one we read.';
comment on column telnyx.projection_offsets.cluster_id is 'The Kafka cluster that the offsets belong to.';
comment on column telnyx.projection_offsets.owner is 'The process that applied last.';
comment on column telnyx.projection_offsets.updated_at is 'When it did.';

create table telnyx.signing_keys (
  key_id        text collate "C" not null,
  account       text collate "C" not null,
  public_key    bytea not null,
  not_before    timestamptz,
  not_after     timestamptz,
  first_seen_at timestamptz not null default clock_timestamp(),
  constraint signing_keys_pk primary key (key_id)
);
comment on table telnyx.signing_keys is
  'Every public key that was ever configured, so that a signature can be checked years after the key was replaced.';
comment on column telnyx.signing_keys.key_id is 'Name of the key: the first 16 hex digits of the SHA-256 of its bytes.';
comment on column telnyx.signing_keys.account is 'The account that it belongs to.';
comment on column telnyx.signing_keys.public_key is 'The Ed25519 public key, 32 bytes.';
comment on column telnyx.signing_keys.not_before is 'The earliest signed time that it is valid for; null: no limit.';
comment on column telnyx.signing_keys.not_after is 'The latest signed time that it is valid for; null: no limit.';
comment on column telnyx.signing_keys.first_seen_at is 'When this database first saw it.';
