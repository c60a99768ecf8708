-- Is this number ready to send?
-- One row: yes or no with the reason, and the number's campaign, its brand, and its order if it is hosted.
--
-- number: our number, such as +13125550190
--
-- telnyx-ledger sql --ask number_ready --set number=+13125550190
-- psql "$DATABASE_URL" -v number=+13125550190 -f schemas/queries/number_ready.sql

select asked.phone_number, verdict.answer like 'yes%' as ready, verdict.answer,
       n.campaign_id, c.tcr_campaign_id, c.status as campaign_status, n.status as assignment, n.status_at as assigned_at, n.reasons,
       c.is_t_mobile_registered, b.identity_status as brand_identity, hosted.status as hosted_status,
       refused.messages as not_registered_last_24_hours
from (values (:'number'::text)) as asked (phone_number)
left join lateral (
  -- The assignment that lets it send, else the newest.
  select a.*
  from telnyx.campaign_numbers a left join telnyx.campaigns using (campaign_id)
  where a.phone_number = asked.phone_number
  order by a.status in ('ASSIGNED', 'FAILED_UNASSIGNMENT') desc, campaigns.status is not distinct from 'MNO_PROVISIONED' desc,
           a.status_at desc, a.last_event_key desc
  limit 1
) n on true
left join telnyx.campaigns c on c.campaign_id = n.campaign_id
left join telnyx.brands b on b.brand_id = c.brand_id
left join lateral (
  select h.status from telnyx.hosted_numbers h where h.phone_number = asked.phone_number order by h.status_at desc, h.order_id limit 1
) hosted on true
cross join lateral (
  select count(*) as messages
  from telnyx.message_deliveries d
  where d.sender = asked.phone_number and d.sent_at > now() - interval '24 hours' and '40010' = any (d.error_codes)
) refused
cross join lateral (
  select case
    when telnyx.is_toll_free(asked.phone_number)
      then 'toll-free: it needs a verification instead of a campaign; webhooks do not name the number: see toll_free_verifications'
    when not telnyx.is_us_long_code(asked.phone_number) then 'not an ordinary number of the United States: 10DLC does not apply'
    when n.phone_number is null then 'no: it was never assigned to a campaign'
    when n.status = 'PENDING' then 'no: its assignment is pending; carriers may take up to seven working days'
    when n.status in ('FAILED_ASSIGNMENT', 'FAILED') then 'no: its assignment failed'
    when n.status = 'UNASSIGNED' then 'no: it was removed from its campaign'
    when c.status is distinct from 'MNO_PROVISIONED' then 'no: its campaign has ' || coalesce('status ' || c.status, 'no known status') || ', not MNO_PROVISIONED'
    when n.status_at > now() - interval '72 hours' then 'yes, but carriers take up to 72 hours to process a new assignment'
    else 'yes'
  end as answer
) verdict;
