-- Consumer positions: the truth about what was read, fenced by the position that an owner believes to hold.

-- name: advance
with wanted as (
  select offsets.topic, offsets.partition, given.next_offset, given.last_offset, given.last_event_key
  from unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[], $5::bigint[], $6::uuid[], $7::text[]) as given
    (topic, partition, expected_offset, next_offset, last_offset, last_event_key, cluster_id)
  join telnyx.projection_offsets as offsets
    on offsets.topic = given.topic and offsets.partition = given.partition
   and offsets.next_offset = given.expected_offset and offsets.cluster_id = given.cluster_id
  order by offsets.topic, offsets.partition
  for update of offsets
)
update telnyx.projection_offsets as offsets
set next_offset = wanted.next_offset, last_offset = wanted.last_offset, last_event_key = wanted.last_event_key,
    owner = $8, updated_at = now()
from wanted
where offsets.topic = wanted.topic and offsets.partition = wanted.partition
returning offsets.topic, offsets.partition;
