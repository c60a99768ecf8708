-- The event store: every webhook that a configured key signed, with the bytes that prove it.
-- Rows are only ever added (triggers below). Every other table can be recomputed and verified again from here.
-- The table is partitioned by retention class, then by month of occurred_at: a class can be kept or dropped without a DELETE.
-- The partitions live in a separate schema: a BI tool lists the relations of the contract only.

-- requires: functions/refuse_change.sql
-- requires: functions/ensure_partition.sql

create sequence telnyx.events_position_seq;
comment on sequence telnyx.events_position_seq is
  'Source of events.position. Gaps are normal: a batch that was rolled back, or a duplicate.';

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
-- events_event_id_idx costs 90 bytes and about 4 µs for each event; a row has 2,000 bytes and takes 16 µs to append. Its random places are
-- in the pages of the current month only. No smaller index finds a repeated id without reading all events.
-- events_recorded_idx costs 31 bytes and about 1 µs, always at its end. A BRIN index would cost less and make pipeline_lag read bodies.
create index events_event_id_idx on telnyx.events (account, event_id, occurred_at) where event_id is not null;
create index events_recorded_idx on telnyx.events (recorded_at, received_at);

alter sequence telnyx.events_position_seq owned by telnyx.events.position;

create table telnyx_partitions.events_consent  partition of telnyx.events for values in ('consent')  partition by range (occurred_at);
create table telnyx_partitions.events_registry partition of telnyx.events for values in ('registry') partition by range (occurred_at);
create table telnyx_partitions.events_traffic  partition of telnyx.events for values in ('traffic')  partition by range (occurred_at);

comment on table telnyx.events is
  'Every webhook that a configured key signed, stored once per event and never changed: the evidence from which all other tables are computed. Append-only.';
comment on column telnyx.events.position is
  'Order in which events were committed here. Read on with "where position > last order by position": no event is missed. Gaps are normal.';
comment on column telnyx.events.event_key is
  'Identity of the event: BLAKE2b-128 of the canonical JSON of its data object. Two deliveries of one event have the same key.';
comment on column telnyx.events.event_id is
  'Id that Telnyx gave the event. It may be missing or repeated, so it does not identify the event.';
comment on column telnyx.events.account is 'Account whose key signed the webhook, as named in the configuration.';
comment on column telnyx.events.event_type is 'Event type in Telnyx''s words, e.g. message.finalized.';
comment on column telnyx.events.retention_class is
  'Class by which events can be kept or dropped: consent (inbound messages), registry (10DLC, hosted and toll-free numbers) or traffic (the rest).';
comment on column telnyx.events.occurred_at is 'Time of the event, according to Telnyx.';
comment on column telnyx.events.received_at is 'Time at which our ingest received the delivery that was stored first.';
comment on column telnyx.events.recorded_at is 'Time at which this database stored the event.';
comment on column telnyx.events.body is 'Webhook body, byte for byte as it was signed. May hold message text: for auditors only.';
comment on column telnyx.events.signature is 'Ed25519 signature (64 bytes) over signed_timestamp, a vertical bar, and body.';
comment on column telnyx.events.signed_timestamp is 'The telnyx-timestamp header that was signed, in Unix seconds, as received.';
comment on column telnyx.events.key_id is 'Key that signed the webhook: see signing_keys.';

-- The row trigger is cloned to every partition. A TRUNCATE trigger never is, so ensure_partition adds it to each.
-- `enable always`: session_replication_role does not switch the triggers off.
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
