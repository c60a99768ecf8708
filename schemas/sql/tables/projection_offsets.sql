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
