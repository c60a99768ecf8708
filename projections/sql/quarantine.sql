-- Quarantined deliveries, for an operator who lists and requeues them.

-- name: list
-- params: $1 reason, null for all
select quarantine_key, account, reason, received_at, key_id, octet_length(body) as body_bytes, requeued_at
from telnyx.quarantined_webhooks
where $1::text is null or reason = $1
order by received_at, quarantine_key;

-- name: keys_by_reason
-- params: $1 reason
select quarantine_key from telnyx.quarantined_webhooks where reason = $1 and requeued_at is null order by 1;

-- name: read
-- params: $1 quarantine keys
select quarantine_key, account, received_at, body, signature, signed_timestamp, key_id
from telnyx.quarantined_webhooks
where quarantine_key = any ($1::uuid[])
order by quarantine_key;

-- name: mark_requeued
-- params: $1 quarantine keys
update telnyx.quarantined_webhooks set requeued_at = now() where quarantine_key = any ($1::uuid[]);
