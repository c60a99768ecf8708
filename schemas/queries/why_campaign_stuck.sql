-- Why is this campaign stuck?
-- One row: its status and the time of it, the reason, the state of its brand, its history, and the next step.
--
-- campaign: Telnyx's id of the campaign, or The Campaign Registry's (C…)
--
-- telnyx-ledger sql --ask why_campaign_stuck --set campaign=ID
-- psql "$DATABASE_URL" -v campaign=ID -f schemas/queries/why_campaign_stuck.sql

select c.campaign_id, c.tcr_campaign_id, c.status, c.status_at, now() - c.status_at as waiting_for, c.reason,
       case
         when c.campaign_id is null then 'no webhook of this campaign has arrived: check the id and the campaign''s webhook URL'
         when c.status is null then 'no webhook has reported its status'
         when c.status = 'MNO_PROVISIONED' and numbers.assigned = 0 then 'it may send; no number is assigned to it'
         when c.status = 'MNO_PROVISIONED' then 'it may send'
         when c.status in ('TCR_FAILED', 'TELNYX_FAILED', 'MNO_REJECTED') and c.reason is null
           then 'rejected without a reason: ask Telnyx support'
         when c.status = 'TCR_FAILED' then 'The Campaign Registry refused it: correct what the reason says and submit it again'
         when c.status = 'TELNYX_FAILED' then 'Telnyx refused it: correct what the reason says, then appeal (a partner''s campaign: CAMPAIGN_NUDGE)'
         when c.status = 'MNO_REJECTED' then 'a carrier refused it: correct what the reason says, then appeal or submit it again'
         when c.status = 'MNO_PROVISIONING_FAILED' then 'approved, but a carrier could not set it up: ask Telnyx support'
         when c.status = 'TCR_SUSPENDED' then 'suspended: it may not send until the reason is resolved'
         when c.status = 'TCR_EXPIRED' then 'expired: register it again'
         when b.registration_status = 'REGISTRATION_FAILED' or b.identity_status = 'UNVERIFIED'
           then 'its brand is not verified: correct the brand first'
         when c.status in ('MNO_PENDING', 'MNO_ACCEPTED') then 'the carriers review it: the slowest takes up to five days'
         else 'Telnyx reviews it'
       end as answer,
       b.name as brand, b.registration_status, b.identity_status, b.vetting_status, b.last_reason as brand_reason,
       c.is_t_mobile_registered, numbers.assigned as numbers_assigned, numbers.failed as numbers_failed,
       way.steps, latest.occurred_at as last_heard_at, latest.said as last_heard
from (values (:'campaign'::text)) as asked (id)
left join telnyx.ten_dlc_aliases alias on alias.entity = 'campaign' and alias.alias = asked.id
left join telnyx.campaigns c on c.campaign_id = coalesce(alias.id, asked.id)
left join telnyx.brands b on b.brand_id = c.brand_id
cross join lateral (
  select count(*) filter (where n.status in ('ASSIGNED', 'FAILED_UNASSIGNMENT')) as assigned,
         count(*) filter (where n.status in ('FAILED_ASSIGNMENT', 'FAILED')) as failed
  from telnyx.campaign_numbers n
  where n.campaign_id = c.campaign_id
) numbers
cross join lateral (
  select array_agg(concat_ws(' ', to_char(t.occurred_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI'), t.to_status, '(' || t.reason || ')')
                   order by t.seq) as steps
  from telnyx.campaign_transitions t
  where t.campaign_id = c.campaign_id
) way
left join lateral (
  select e.occurred_at, concat_ws(' ', e.payload_type, e.tcr_event_type, e.status, e.description) as said
  from telnyx.ten_dlc_events e
  where e.event_key = c.last_event_key
) latest on true;
