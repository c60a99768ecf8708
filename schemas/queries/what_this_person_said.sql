-- What has this person told us, and what did we still send?
-- One row per opt-out, opt-in, request for help, refused send and violation, in order. state is the state after it.
--
-- phone: the person's number, such as +13125550101
--
-- telnyx-ledger sql --ask what_this_person_said --set phone=+13125550101
-- psql "$DATABASE_URL" -v phone=+13125550101 -f schemas/queries/what_this_person_said.sql

select step.at, step.messaging_profile_id, step.what, step.keyword, step.our_number, step.received_at,
       case when state.opted_out then 'opted out' when not state.opted_out then 'opted in' end as state, step.event_key
from (
  select occurred_at as at, messaging_profile_id,
         case when basis = 'blocked_send' then 'send refused (40300)' else action || ' by ' || basis end as what,
         keyword, via_number as our_number, received_at, event_key
  from telnyx.opt_out_events
  where phone_number = :'phone'::text
  union all
  select sent_at, messaging_profile_id,
         case when is_confirmation then 'sent: the allowed confirmation' else 'sent although opted out' end, null, null, null, null
  from telnyx.opt_out_violations
  where recipient = :'phone'::text
) step
left join lateral (
  select opted_out from telnyx.opt_outs_as_of(step.at) as known
  where known.messaging_profile_id = step.messaging_profile_id and known.phone_number = :'phone'::text
) state on true
order by step.at, step.event_key;
