-- The event store: every webhook that a known key signed, with the bytes that prove it.
-- Why: rows are only ever added (triggers below), so that whatever a table says can be recomputed and re-verified from here.
-- Partitioned by retention class, then by month of occurred_at, so that a class can be kept or dropped by itself without a DELETE;
-- the partitions live in a schema of their own, so that a BI tool lists the contract's relations only.

-- requires: functions/refuse_change.sql
-- requires: functions/ensure_partition.sql

create sequence telnyx.events_position_seq;
comment on sequence telnyx.events_position_seq is 'Source of events.position; gaps are normal (a batch that was rolled back, a duplicate).';

create table telnyx.events (
  position         bigint not null default nextval('telnyx.events_position_seq'),
  event_key        uuid not null,
  event_id         text collate "C",
  account          text collate "C" not null,
  event_type       text collate "C" not null,
  retention_class  text collate "C" not null,
  occurred_at      timestamptz not null,
  received_at      timestamptz not null,
  recorded_at      timestamptz not null default clock_timestamp(),
  body             bytea not null,
  signature        bytea not null,
  signed_timestamp text collate "C" not null,
  key_id           text collate "C" not null,
  constraint events_pk primary key (retention_class, occurred_at, event_key),
  constraint events_retention_class_known check (retention_class in ('consent', 'registry', 'traffic'))
) partition by list (retention_class);

-- `where position > $1 order by position limit n` merges one index per partition.
create index events_position_idx on telnyx.events (position);
-- Cost of events_event_id_idx: 90 bytes and about 4 µs for each event, where a row is 2,000 bytes and takes 16 µs to append; its random
-- places are in the pages of the current month only. Nothing less finds a repeated id without reading all events.
-- Cost of events_recorded_idx: 31 bytes and about 1 µs, always at its end. A BRIN index would cost less and make the view read bodies.
create index events_event_id_idx on telnyx.events (account, event_id, occurred_at) where event_id is not null;
create index events_recorded_idx on telnyx.events (recorded_at, received_at);

alter sequence telnyx.events_position_seq owned by telnyx.events.position;

create table telnyx_partitions.events_consent  partition of telnyx.events for values in ('consent')  partition by range (occurred_at);
create table telnyx_partitions.events_registry partition of telnyx.events for values in ('registry') partition by range (occurred_at);
create table telnyx_partitions.events_traffic  partition of telnyx.events for values in ('traffic')  partition by range (occurred_at);

comment on table telnyx.events is
  'Every webhook that a known key signed, once per event, never changed: the evidence that all other tables are computed from. Append-only.';
comment on column telnyx.events.position is
  'Order in which events were committed here. Read on with "where position > last order by position"; nothing is missed. Gaps are normal.';
comment on column telnyx.events.event_key is
  'Identity of the event: BLAKE2b-128 of the canonical JSON of its data object. Two deliveries of one event have the same key.';
comment on column telnyx.events.event_id is 'The id that Telnyx gave the event; may be missing or repeated, so it identifies nothing.';
comment on column telnyx.events.account is 'The account whose key signed it, as named in the configuration.';
comment on column telnyx.events.event_type is 'What happened, in Telnyx''s words, e.g. message.finalized.';
comment on column telnyx.events.retention_class is
  'How long it is worth keeping: consent (inbound messages), registry (10DLC, hosted and toll-free numbers) or traffic (the rest).';
comment on column telnyx.events.occurred_at is 'When it happened, according to Telnyx.';
comment on column telnyx.events.received_at is 'When our ingest received the delivery that was stored first.';
comment on column telnyx.events.recorded_at is 'When this database stored it.';
comment on column telnyx.events.body is 'The webhook body, byte for byte as it was signed. May hold message text: for auditors only.';
comment on column telnyx.events.signature is 'Ed25519 signature (64 bytes) over signed_timestamp, a vertical bar, and body.';
comment on column telnyx.events.signed_timestamp is 'The telnyx-timestamp header that was signed, in Unix seconds, as received.';
comment on column telnyx.events.key_id is 'Which key signed it: see signing_keys.';

-- The row trigger is cloned to every partition. A TRUNCATE trigger never is: ensure_partition adds it to each.
-- ALWAYS: session_replication_role does not switch them off.
create trigger events_no_change before update or delete on telnyx.events
  for each row execute function telnyx.refuse_change();
alter table telnyx.events enable always trigger events_no_change;
create trigger events_no_truncate before truncate on telnyx.events
  for each statement execute function telnyx.refuse_change();
alter table telnyx.events enable always trigger events_no_truncate;

do $$
declare
  class text;
begin
  foreach class in array array['consent', 'registry', 'traffic'] loop
    execute format('create trigger events_no_truncate before truncate on telnyx_partitions.%I'
                   ' for each statement execute function telnyx.refuse_change()', 'events_' || class);
    execute format('alter table telnyx_partitions.%I enable always trigger events_no_truncate', 'events_' || class);
  end loop;
end
$$;

do $$
declare
  class text;
begin
  foreach class in array array['consent', 'registry', 'traffic'] loop
    perform telnyx.ensure_partition(class, '2014-12-31 00:00:00+00');
    perform telnyx.ensure_partition(class, '2050-01-01 00:00:00+00');
  end loop;
end
$$;
