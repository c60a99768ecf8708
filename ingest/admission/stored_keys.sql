-- Which of these events are stored? Asked by ingest for every event that its memory does not know.
-- The limit keeps the planner from flattening this into a join: each wanted row prunes to its own partition and reads
-- one entry of the primary key there. Reads only the columns that telnyx_ingest may see.
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
