-- Why was this message not delivered?
-- One row per recipient: the answer in words, each error with the vendor's advice, and other known causes that stop messages.
--
-- message: Telnyx's id of the message, as the API gave it when it was sent
--
-- telnyx-ledger sql --ask why_not_delivered --set message=ID
-- psql "$DATABASE_URL" -v message=ID -f schemas/queries/why_not_delivered.sql

select d.recipient, d.status, d.status_at,
       case
         when d.message_id is null then 'no webhook of this message has arrived: check the id, and that the send was accepted'
         when fared.class = 'delivered' then 'it was delivered'
         when '40300' = any (d.error_codes) then 'the recipient had opted out: Telnyx refused it'
         when fared.class = 'failed' then coalesce(failed.because, d.error_detail, 'it failed, and Telnyx gave no error code')
         when fared.class = 'unconfirmed' then 'it was sent, and the carrier never said whether it arrived'
         when d.sent_at is null or d.status in ('scheduled', 'queued') then 'it waits at Telnyx and has not been sent yet'
         when d.sent_at < now() - interval '24 hours' then 'it was sent, and no final status has arrived for over a day'
         else 'it is under way'
       end as answer,
       d.error_codes, d.error_detail, failed.categories, failed.advice,
       opted_out.changed_at as opted_out_at,
       blocked.changed_at as toll_free_blocked_at,
       spent.occurred_at as spend_limit_reached_at,
       d.sender, campaign.status as sender_campaign_status,
       d.carrier, d.line_type, d.queued_at, d.sent_at, d.completed_at, d.last_event_key
from (values (:'message'::text)) as asked (message_id)
left join telnyx.message_deliveries d using (message_id)
cross join lateral (
  select telnyx.delivery_class(d.status, d.is_final) as class, coalesce(d.sent_at, d.queued_at, d.first_event_at) as at
) fared
left join lateral (
  select string_agg(coalesce(known.title, 'error ' || reported.code), '; ' order by reported.nth) as because,
         array_agg(known.category order by reported.nth) as categories,
         array_agg(known.advice order by reported.nth) as advice
  from unnest(d.error_codes) with ordinality as reported (code, nth)
  left join telnyx.error_codes known on known.code = reported.code
) failed on true
left join lateral (
  select max(state.changed_at) as changed_at
  from (
    select * from telnyx.opt_outs_as_of(fared.at) as known
    where known.messaging_profile_id in (d.messaging_profile_id, '') and known.phone_number = d.recipient
    offset 0
  ) state
  where state.opted_out and (state.messaging_profile_id <> '' or state.account = d.account)
) opted_out on true
left join lateral (
  select * from telnyx.toll_free_blocks known where known.via_number = d.sender and known.phone_number = d.recipient
  offset 0  -- Only this person: in a plain join, the view would be computed for all people.
) blocked on blocked.blocked and blocked.changed_at <= fared.at
left join lateral (
  select max(occurred_at) as occurred_at
  from telnyx.spend_limit_events
  where messaging_profile_id = d.messaging_profile_id and occurred_at <= d.status_at
    and (occurred_at at time zone 'UTC')::date = (d.status_at at time zone 'UTC')::date
) spent on true
left join lateral (
  select c.status
  from telnyx.campaign_numbers n join telnyx.campaigns c using (campaign_id)
  where n.phone_number = d.sender and n.status in ('ASSIGNED', 'FAILED_UNASSIGNMENT')
  order by n.status_at desc, n.last_event_key desc
  limit 1
) campaign on true
order by d.recipient;
