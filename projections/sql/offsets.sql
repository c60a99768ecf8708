-- Stored offsets. They alone say what was read. A process moves one only from the offset and as the owner that it knows.

-- name: read
-- params: $1 topics, $2 partitions
select offsets.topic, offsets.partition, offsets.next_offset, offsets.last_offset,
       offsets.last_event_key::text as last_event_key, offsets.cluster_id, offsets.owner
from unnest($1::text[], $2::integer[]) as given (topic, partition)
join telnyx.projection_offsets as offsets on offsets.topic = given.topic and offsets.partition = given.partition;

-- name: begin
-- params: $1 topics, $2 partitions, $3 first offsets, $4 cluster id
insert into telnyx.projection_offsets (topic, partition, next_offset, cluster_id)
select given.topic, given.partition, given.next_offset, $4
from unnest($1::text[], $2::integer[], $3::bigint[]) as given (topic, partition, next_offset)
order by given.topic, given.partition
on conflict do nothing;

-- name: claim
-- params: $1 topics, $2 partitions, $3 next offsets as they were read, $4 owners as they were read, $5 new owner, $6 cluster id
-- Compare and set: succeeds only if the row is still as it was before the group confirmed the membership. A process that
-- was frozen since then finds its successor's name here and gets nothing.
with wanted as (
  select offsets.topic, offsets.partition
  from unnest($1::text[], $2::integer[], $3::bigint[], $4::text[]) as given (topic, partition, next_offset, owner)
  join telnyx.projection_offsets as offsets
    on offsets.topic = given.topic and offsets.partition = given.partition
   and offsets.next_offset = given.next_offset and offsets.owner is not distinct from given.owner
  order by offsets.topic, offsets.partition
  for update of offsets
)
update telnyx.projection_offsets as offsets
set owner = $5, cluster_id = $6
from wanted
where offsets.topic = wanted.topic and offsets.partition = wanted.partition
returning offsets.topic, offsets.partition;

-- name: advance
-- params: $1 topics, $2 partitions, $3 expected offsets, $4 next offsets, $5 offsets of the last records,
-- $6 event keys of the last records, $7 cluster ids, $8 owner
with wanted as (
  select offsets.topic, offsets.partition, given.next_offset, given.last_offset, given.last_event_key
  from unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[], $5::bigint[], $6::uuid[], $7::text[]) as given
    (topic, partition, expected_offset, next_offset, last_offset, last_event_key, cluster_id)
  join telnyx.projection_offsets as offsets
    on offsets.topic = given.topic and offsets.partition = given.partition
   and offsets.next_offset = given.expected_offset and offsets.cluster_id = given.cluster_id and offsets.owner = $8
  order by offsets.topic, offsets.partition
  for update of offsets
)
update telnyx.projection_offsets as offsets
set next_offset = wanted.next_offset, last_offset = wanted.last_offset, last_event_key = wanted.last_event_key,
    updated_at = now()
from wanted
where offsets.topic = wanted.topic and offsets.partition = wanted.partition
returning offsets.topic, offsets.partition;

-- name: accept_gap
-- params: $1 topic, $2 partition, $3 next offset, $4 cluster id
update telnyx.projection_offsets
set next_offset = $3, last_offset = null, last_event_key = null, cluster_id = $4, owner = null, updated_at = now()
where topic = $1 and partition = $2;
