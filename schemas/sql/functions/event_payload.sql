-- The payload of an event as JSON, for event_payloads.
-- This is a function because a body that Postgres cannot hold as jsonb must give null and not fail every query of the view.

create or replace function telnyx.event_payload(body bytea) returns jsonb
  language plpgsql immutable strict parallel restricted
  set search_path = pg_catalog, pg_temp
as $$
declare
  body_text text;
  data jsonb;
begin
  body_text := convert_from(body, 'UTF8');
  -- U+0000 is legal in JSON and impossible in jsonb. It is an escape only after an even number of backslashes.
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
  'The payload object of a webhook body as jsonb, with U+FFFD for U+0000. {} if there is no such object; null if Postgres cannot hold the body as jsonb. Never fails.';
