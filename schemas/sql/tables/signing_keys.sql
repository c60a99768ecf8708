-- State of the installation, not computed from events: all public keys.

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
  'Every public key that was ever configured. A signature can be checked years after its key was replaced.';
comment on column telnyx.signing_keys.key_id is 'Name of the key: the first 16 hex digits of the SHA-256 of its bytes.';
comment on column telnyx.signing_keys.account is 'Account that the key belongs to.';
comment on column telnyx.signing_keys.public_key is 'Ed25519 public key, 32 bytes.';
comment on column telnyx.signing_keys.not_before is 'Earliest signed time for which the key is valid; null: no limit.';
comment on column telnyx.signing_keys.not_after is 'Latest signed time for which the key is valid; null: no limit.';
comment on column telnyx.signing_keys.first_seen_at is 'Time at which this database first saw the key.';
