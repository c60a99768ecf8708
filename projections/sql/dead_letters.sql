-- Dead letters, for an operator who lists and retries them.

-- name: list
-- params: $1 projection, null for all
select projection, event_key, error_class, sqlstate, first_failed_at, attempts, retention_class, occurred_at
from telnyx.dead_letters
where $1::text is null or projection = $1
order by projection, event_key;

-- name: resolve
-- params: $1 projection, $2 event key
delete from telnyx.dead_letters where projection = $1 and event_key = $2;
