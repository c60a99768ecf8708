-- Seals against omission: signatures prove what is in events, a seal proves that nothing was taken out or put in since.
-- Why a chain: whoever keeps one chain value outside (`telnyx-ledger seal export`) has fixed every event up to its position.
-- Why ranges without a hole between them: an event that is put at an unused position later is in some range, and changes its root.

-- requires: functions/refuse_change_of_seals.sql

create table telnyx.event_seals (
  seq            bigint not null,
  first_position bigint not null,
  last_position  bigint not null,
  events         bigint not null,
  root           bytea not null,
  chain          bytea not null,
  sealed_at      timestamptz not null default clock_timestamp(),
  constraint event_seals_pk primary key (seq),
  constraint event_seals_first_position_key unique (first_position),
  constraint event_seals_from_one check (seq >= 1),
  constraint event_seals_range check (first_position >= 1),
  constraint event_seals_events check (1 <= events and events <= last_position - first_position + 1),
  constraint event_seals_hashes check (octet_length(root) = 32 and octet_length(chain) = 32)
);
comment on table telnyx.event_seals is
  'Seals over ranges of events, each bound to the one before: a removed, added or changed event no longer fits. Append-only; checked by telnyx-ledger verify.';
comment on column telnyx.event_seals.seq is 'Number of the seal, from 1 without gaps.';
comment on column telnyx.event_seals.first_position is 'Where its range begins: after last_position of the seal before, 1 for the first.';
comment on column telnyx.event_seals.last_position is 'Position of the last event in it.';
comment on column telnyx.event_seals.events is 'How many events have a position in its range; positions have gaps.';
comment on column telnyx.event_seals.root is
  'Merkle tree hash (RFC 9162, SHA-256) over them in order of position; each leaf is position (8 bytes, big-endian), event_key (16 bytes) and SHA-256 of the body.';
comment on column telnyx.event_seals.chain is
  'SHA-256 of the chain of the seal before (32 zero bytes for the first), root, and last_position (8 bytes, big-endian).';
comment on column telnyx.event_seals.sealed_at is 'When it was made, by the clock of this database.';

-- ALWAYS: session_replication_role does not switch them off.
create trigger event_seals_no_change before update or delete on telnyx.event_seals
  for each row execute function telnyx.refuse_change_of_seals();
alter table telnyx.event_seals enable always trigger event_seals_no_change;
create trigger event_seals_no_truncate before truncate on telnyx.event_seals
  for each statement execute function telnyx.refuse_change_of_seals();
alter table telnyx.event_seals enable always trigger event_seals_no_truncate;
