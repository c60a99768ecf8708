-- The event store as JSON, for people who look into single events.

create or replace view telnyx.event_payloads with (security_invoker = true) as
select position, event_key, event_id, account, event_type, retention_class, occurred_at, received_at, recorded_at,
       body, signature, signed_timestamp, key_id, telnyx.event_payload(body) as payload
from telnyx.events;

comment on view telnyx.event_payloads is 'The events with their payload as JSON. Holds message text: for auditors only.';
comment on column telnyx.event_payloads.position is 'As in events: the order of commitment.';
comment on column telnyx.event_payloads.event_key is 'As in events: the identity of the event.';
comment on column telnyx.event_payloads.event_id is 'As in events: the id that Telnyx gave it.';
comment on column telnyx.event_payloads.account is 'As in events: the account whose key signed it.';
comment on column telnyx.event_payloads.event_type is 'As in events: the event type in Telnyx''s words.';
comment on column telnyx.event_payloads.retention_class is 'As in events: consent, registry or traffic.';
comment on column telnyx.event_payloads.occurred_at is 'As in events: the time of the event, according to Telnyx.';
comment on column telnyx.event_payloads.received_at is 'As in events: the time at which our ingest received it.';
comment on column telnyx.event_payloads.recorded_at is 'As in events: the time at which this database stored it.';
comment on column telnyx.event_payloads.body is 'As in events: the body, byte for byte.';
comment on column telnyx.event_payloads.signature is 'As in events: the Ed25519 signature.';
comment on column telnyx.event_payloads.signed_timestamp is 'As in events: the timestamp header that was signed.';
comment on column telnyx.event_payloads.key_id is 'As in events: the key that signed it.';
comment on column telnyx.event_payloads.payload is
  'The object data.payload of the body (of a link click: the object data), as jsonb. {} if there is none, null if Postgres cannot hold the body as jsonb.';
