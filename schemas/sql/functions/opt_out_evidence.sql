-- The event that proves an opt-out.

-- requires: functions/opt_outs_as_of.sql

create or replace function telnyx.opt_out_evidence(profile text, phone text, at timestamptz)
  returns table (event_key uuid, occurred_at timestamptz, received_at timestamptz, body bytea, signature bytea,
                 signed_timestamp text, key_id text)
  language sql stable parallel safe
begin atomic
  -- Class and time of the event name its partition: no other is read.
  select e.event_key, e.occurred_at, e.received_at, e.body, e.signature, e.signed_timestamp, e.key_id
  from telnyx.opt_outs_as_of(opt_out_evidence.at) o
  join telnyx.events e
    on e.retention_class = case o.basis when 'blocked_send' then 'traffic' else 'consent' end
   and e.occurred_at = o.changed_at
   and e.event_key = o.last_event_key
  where o.messaging_profile_id = opt_out_evidence.profile and o.phone_number = opt_out_evidence.phone;
end;
comment on function telnyx.opt_out_evidence(text, text, timestamptz) is
  'The signed webhook that decided whether a person had opted out of a messaging profile at a moment. Holds message text: for auditors only.';
