-- State of the installation, not computed from events: the checkpoint of each Kafka partition.

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
  'Progress through each Kafka partition. The offset is committed together with the rows, so this table is the truth; Kafka''s own offsets only show lag.';
comment on column telnyx.projection_offsets.topic is 'Kafka topic.';
comment on column telnyx.projection_offsets.partition is 'Partition of the topic.';
comment on column telnyx.projection_offsets.next_offset is 'Offset to read next.';
comment on column telnyx.projection_offsets.last_offset is 'Offset of the last record that was applied.';
comment on column telnyx.projection_offsets.last_event_key is
  'Key of that record. If Kafka holds another key there, the log is not the one that was read.';
comment on column telnyx.projection_offsets.cluster_id is 'Kafka cluster that the offsets belong to.';
comment on column telnyx.projection_offsets.owner is 'Process that applied last.';
comment on column telnyx.projection_offsets.updated_at is 'Time at which it applied.';
