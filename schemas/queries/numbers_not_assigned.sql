-- Which numbers could not be assigned to their campaign, and why?
-- One row per number and campaign whose latest status is a failure or pending, the longest wait first.
--
-- account: the account
--
-- telnyx-ledger sql --ask numbers_not_assigned --set account=acme
-- psql "$DATABASE_URL" -v account=acme -f schemas/queries/numbers_not_assigned.sql

select n.phone_number, n.status, n.status_at as since, n.reasons, n.campaign_id, n.tcr_campaign_id, c.status as campaign_status,
       case
         when not telnyx.is_us_long_code(n.phone_number) then 'only ordinary numbers of the United States can be in a campaign'
         when other.campaign_id is not null then 'it is assigned to campaign ' || other.campaign_id || ': remove it from that one first'
         when c.status is distinct from 'MNO_PROVISIONED' then 'its campaign has ' || coalesce('status ' || c.status, 'no known status') || ': wait for its approval, then assign it again'
         when n.status = 'FAILED_UNASSIGNMENT' then 'its removal failed and it is still assigned: try again'
         when n.status = 'PENDING' and n.status_at > now() - interval '7 days' then 'carriers may take up to seven working days'
         when n.status = 'PENDING' then 'pending for over seven days: ask Telnyx support'
         else 'see the reasons, then assign it again'
       end as answer
from telnyx.campaign_numbers n
left join telnyx.campaigns c using (campaign_id)
left join lateral (
  select a.campaign_id from telnyx.campaign_numbers a
  where a.phone_number = n.phone_number and a.campaign_id <> n.campaign_id and a.status in ('ASSIGNED', 'FAILED_UNASSIGNMENT')
  order by a.status_at desc, a.campaign_id
  limit 1
) other on true
where n.account = :'account'::text and n.status in ('PENDING', 'FAILED_ASSIGNMENT', 'FAILED', 'FAILED_UNASSIGNMENT')
order by n.status_at, n.phone_number, n.campaign_id;
