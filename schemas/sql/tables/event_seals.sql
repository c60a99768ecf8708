-- Seals against omission. Signatures prove the events that are stored; a seal proves that no event was removed or added since.
-- The seals form a chain: one chain value kept elsewhere (`telnyx-ledger seal export`) fixes every event up to its position.
-- The ranges of seals have no gap between them: an event added later at an unused position falls into a range and changes its root.

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
  'Seals over ranges of events, each bound to the one before: after an event is removed, added or changed, the seal no longer fits. Append-only; checked by telnyx-ledger verify.';
comment on column telnyx.event_seals.seq is 'Number of the seal, from 1 without gaps.';
comment on column telnyx.event_seals.first_position is
  'Start of the range: the position after last_position of the seal before, 1 for the first seal.';
comment on column telnyx.event_seals.last_position is 'Position of the last event in the range.';
comment on column telnyx.event_seals.events is 'Number of events in the range. Positions have gaps.';
comment on column telnyx.event_seals.root is
  'Merkle tree hash (RFC 9162, SHA-256) over these events in order of position. Each leaf is position (8 bytes, big-endian), event_key (16 bytes) and SHA-256 of the body.';
comment on column telnyx.event_seals.chain is
  'SHA-256 of the chain of the seal before (32 zero bytes for the first), root, and last_position (8 bytes, big-endian).';
comment on column telnyx.event_seals.sealed_at is 'Time when the seal was made, by the clock of this database.';

-- `enable always`: session_replication_role does not switch the triggers off.
create trigger event_seals_no_change before update or delete on telnyx.event_seals
  for each row execute function telnyx.refuse_change_of_seals();
alter table telnyx.event_seals enable always trigger event_seals_no_change;
create trigger event_seals_no_truncate before truncate on telnyx.event_seals
  for each statement execute function telnyx.refuse_change_of_seals();
alter table telnyx.event_seals enable always trigger event_seals_no_truncate;
