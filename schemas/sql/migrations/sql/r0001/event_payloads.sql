-- The event store as JSON, for people who look into single events.
-- Why a function: one body that Postgres cannot hold as jsonb must give null, not make every query of the view fail.

create function telnyx.event_payload(body bytea) returns jsonb
  language plpgsql immutable strict parallel restricted
  set search_path = pg_catalog, pg_temp
as $$
declare
  body_text text;
  data jsonb;
begin
  body_text := convert_from(body, 'UTF8');
  -- U+0000 is legal in JSON and impossible in jsonb. An escape is one only after an even number of backslashes.
  if strpos(body_text, '\u0000') > 0 then
    body_text := regexp_replace(body_text, '(?<!\\)((?:\\\\)*)\\u0000', '\1\\ufffd', 'g');
  end if;
  if not pg_input_is_valid(body_text, 'jsonb') then
    return null;
  end if;
  data := body_text::jsonb -> 'data';
  -- A link click has no envelope: its data object is the payload.
  if data ->> 'record_type' = 'link_clicked'
     and (jsonb_typeof(data -> 'event_type') is distinct from 'string' or data ->> 'event_type' !~ '\S') then
    return data;
  end if;
  return case jsonb_typeof(data -> 'payload') when 'object' then data -> 'payload' else '{}' end;
exception
  -- Classes 22 (not UTF-8) and 54 (nested too deeply): such a body has no jsonb form.
  when data_exception or program_limit_exceeded then
    return null;
end
$$;
comment on function telnyx.event_payload(bytea) is
  'The payload object of a webhook body as jsonb, U+0000 replaced by U+FFFD; {} if there is no such object; null if Postgres cannot hold the body as jsonb. Never fails.';

create view telnyx.event_payloads with (security_invoker = true) as
select position, event_key, event_id, account, event_type, retention_class, occurred_at, received_at, recorded_at,
       body, signature, signed_timestamp, key_id, telnyx.event_payload(body) as payload
from telnyx.events;

comment on view telnyx.event_payloads is 'The events with their payload as JSON. Holds message text: for auditors only.';
comment on column telnyx.event_payloads.position is 'As in events: the order of commitment.';
comment on column telnyx.event_payloads.event_key is 'As in events: the identity of the event.';
comment on column telnyx.event_payloads.event_id is 'As in events: the id that Telnyx gave it.';
comment on column telnyx.event_payloads.account is 'As in events: the account whose key signed it.';
comment on column telnyx.event_payloads.event_type is 'As in events: what happened, in Telnyx''s words.';
comment on column telnyx.event_payloads.retention_class is 'As in events: consent, registry or traffic.';
comment on column telnyx.event_payloads.occurred_at is 'As in events: when it happened, according to Telnyx.';
comment on column telnyx.event_payloads.received_at is 'As in events: when our ingest received it.';
comment on column telnyx.event_payloads.recorded_at is 'As in events: when this database stored it.';
comment on column telnyx.event_payloads.body is 'As in events: the body, byte for byte.';
comment on column telnyx.event_payloads.signature is 'As in events: the Ed25519 signature.';
comment on column telnyx.event_payloads.signed_timestamp is 'As in events: the timestamp header that was signed.';
comment on column telnyx.event_payloads.key_id is 'As in events: the key that signed it.';
comment on column telnyx.event_payloads.payload is
  'The object data.payload of the body (of a link click: the object data), as jsonb. {} if there is none, null if Postgres cannot hold the body as jsonb.';
