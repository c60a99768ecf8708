-- Which of these events are stored? ingest asks for every event that its memory does not know.
-- params: $1 json, an array of {retention_class, occurred_at, event_key}
-- The limit keeps the planner from flattening this into a join: each row prunes to one partition and reads one entry of
-- its primary key. Only columns that telnyx_ingest may read are read.
select stored.event_key::text
from json_to_recordset($1::json) as wanted (retention_class text, occurred_at timestamptz, event_key uuid)
cross join lateral (
    select events.event_key
    from telnyx.events
    where events.retention_class = wanted.retention_class
      and events.occurred_at = wanted.occurred_at
      and events.event_key = wanted.event_key
    limit 1
) as stored
