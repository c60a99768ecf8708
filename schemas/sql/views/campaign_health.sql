-- Campaigns at a glance.
-- The last 24 hours have no upper end: the vendor's clock may be a little ahead of ours.

create or replace view telnyx.campaign_health with (security_invoker = true) as
select c.campaign_id, c.tcr_campaign_id, c.account, c.status, c.status_at, c.reason,
       coalesce(held.numbers, 0) as numbers_assigned,
       coalesce(sent.messages, 0) as messages,
       coalesce(sent.delivered, 0) as delivered,
       coalesce(sent.failed, 0) as failed,
       coalesce(sent.spam_blocked, 0) as spam_blocked
from telnyx.campaigns c
left join (
  select campaign_id, count(*) as numbers
  from telnyx.campaign_numbers
  where status in ('ASSIGNED', 'FAILED_UNASSIGNMENT')
  group by campaign_id
) held on held.campaign_id = c.campaign_id
left join (
  select tcr_campaign_id,
         count(*) as messages,
         count(*) filter (where class = 'delivered') as delivered,
         count(*) filter (where class = 'failed') as failed,
         count(*) filter (where error_codes && '{40002,40003,40015,40017}'::text[] collate "C") as spam_blocked
  from (
    select tcr_campaign_id, error_codes, telnyx.delivery_class(status, is_final) as class
    from telnyx.message_deliveries
    where coalesce(sent_at, first_event_at) > now() - interval '24 hours'
      -- This condition follows from the one above, and has an index.
      and date_trunc('hour', coalesce(sent_at, first_event_at) at time zone 'UTC') at time zone 'UTC' > now() - interval '25 hours'
  ) d
  group by tcr_campaign_id
) sent on sent.tcr_campaign_id = c.tcr_campaign_id;

comment on view telnyx.campaign_health is
  'One row per 10DLC campaign: its status, its numbers, and the results of its messages of the last 24 hours.';
comment on column telnyx.campaign_health.campaign_id is 'Campaign: see campaigns.';
comment on column telnyx.campaign_health.tcr_campaign_id is 'The Campaign Registry''s id of the campaign. Messages carry this id.';
comment on column telnyx.campaign_health.account is 'Account.';
comment on column telnyx.campaign_health.status is 'Status of the campaign. It may send at MNO_PROVISIONED only.';
comment on column telnyx.campaign_health.status_at is 'Time at which the campaign reached its status.';
comment on column telnyx.campaign_health.reason is 'Reason for the status, in the vendor''s words.';
comment on column telnyx.campaign_health.numbers_assigned is 'Number of phone numbers assigned to the campaign.';
comment on column telnyx.campaign_health.messages is
  'Messages of the last 24 hours that carry its Campaign Registry id, counted once per recipient.';
comment on column telnyx.campaign_health.delivered is 'Of these: delivered, or even read.';
comment on column telnyx.campaign_health.failed is 'Of these: not delivered.';
comment on column telnyx.campaign_health.spam_blocked is
  'Of these: blocked as spam (40002, 40003, 40015 or 40017). If it grows, check the wording and the pace.';
