-- What is parked, as an operator sees and requeues it.

-- name: list
select quarantine_key, account, reason, received_at, key_id, octet_length(body) as body_bytes, requeued_at
from telnyx.quarantined_webhooks
where $1::text is null or reason = $1
order by received_at, quarantine_key;

-- name: keys_by_reason
select quarantine_key from telnyx.quarantined_webhooks where reason = $1 and requeued_at is null order by 1;

-- name: read
select quarantine_key, account, received_at, body, signature, signed_timestamp, key_id
from telnyx.quarantined_webhooks
where quarantine_key = any ($1::uuid[])
order by quarantine_key;

-- name: mark_requeued
update telnyx.quarantined_webhooks set requeued_at = now() where quarantine_key = any ($1::uuid[]);
