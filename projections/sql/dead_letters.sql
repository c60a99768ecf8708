-- Dead letters, as an operator sees and retries them.

-- name: list
select projection, event_key, error_class, sqlstate, first_failed_at, attempts
from telnyx.dead_letters
where $1::text is null or projection = $1
order by projection, event_key;

-- name: resolve
delete from telnyx.dead_letters where projection = $1 and event_key = $2;
