-- Whether numbers may send: campaigns at a glance, and traffic that no campaign covers.

-- The last 24 hours have no upper end: the vendor's clock may be a little ahead of ours.
create view telnyx.campaign_health with (security_invoker = true) as
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
      -- says nothing new, and has an index
      and date_trunc('hour', coalesce(sent_at, first_event_at) at time zone 'UTC') at time zone 'UTC' > now() - interval '25 hours'
  ) d
  group by tcr_campaign_id
) sent on sent.tcr_campaign_id = c.tcr_campaign_id;

comment on view telnyx.campaign_health is
  'One row per 10DLC campaign: where it stands, how many numbers it has, and how its messages of the last 24 hours fared.';
comment on column telnyx.campaign_health.campaign_id is 'The campaign: see campaigns.';
comment on column telnyx.campaign_health.tcr_campaign_id is 'The Campaign Registry''s id of it: messages carry this one.';
comment on column telnyx.campaign_health.account is 'The account.';
comment on column telnyx.campaign_health.status is 'Where it stands; it may send at MNO_PROVISIONED only.';
comment on column telnyx.campaign_health.status_at is 'When it came to that.';
comment on column telnyx.campaign_health.reason is 'Why, in the vendor''s words.';
comment on column telnyx.campaign_health.numbers_assigned is 'How many numbers are assigned to it.';
comment on column telnyx.campaign_health.messages is 'Deliveries of the last 24 hours that carry its Campaign Registry id.';
comment on column telnyx.campaign_health.delivered is 'Of these: delivered, or even read.';
comment on column telnyx.campaign_health.failed is 'Of these: not delivered.';
comment on column telnyx.campaign_health.spam_blocked is 'Of these: blocked as spam (40002, 40003, 40015 or 40017). If it grows, look at the wording and the pace.';

-- As it is registered now: a number that is registered today has no rows, whatever it did before.
-- Readings: an assignment is what campaign_health counts, so pending and failed ones are none; first and last sent_at are of the rows that
-- have one, while the day is that of the row.
create view telnyx.unregistered_traffic with (security_invoker = true) as
select sent.account, sent.sender, sent.day, sent.messages, sent.first_sent_at, sent.last_sent_at,
       newest.campaign_id, newest.status as campaign_status, newest.assigned_at
from (
  select account, sender, day, count(*) as messages, min(sent_at) as first_sent_at, max(sent_at) as last_sent_at
  from (
    select account, sender, sent_at, (coalesce(sent_at, first_event_at) at time zone 'UTC')::date as day
    from telnyx.message_deliveries
    where telnyx.is_us_long_code(sender)
  ) d
  group by account, sender, day
) sent
left join lateral (
  select n.campaign_id, c.status, n.status_at as assigned_at
  from telnyx.campaign_numbers n
  left join telnyx.campaigns c using (campaign_id)
  where n.phone_number = sent.sender and n.status in ('ASSIGNED', 'FAILED_UNASSIGNMENT')
  order by n.status_at desc, n.last_event_key desc
  limit 1
) newest on true
where not exists (
  select from telnyx.campaign_numbers n
  join telnyx.campaigns c using (campaign_id)
  where n.phone_number = sent.sender and n.status in ('ASSIGNED', 'FAILED_UNASSIGNMENT') and c.status = 'MNO_PROVISIONED'
);

comment on view telnyx.unregistered_traffic is
  'Messages from ordinary numbers of the United States that are in no approved 10DLC campaign: carriers block or fine them. One row per account, number and day.';
comment on column telnyx.unregistered_traffic.account is 'The account.';
comment on column telnyx.unregistered_traffic.sender is 'The number they were sent from.';
comment on column telnyx.unregistered_traffic.day is 'The day (UTC).';
comment on column telnyx.unregistered_traffic.messages is 'How many deliveries.';
comment on column telnyx.unregistered_traffic.first_sent_at is 'When the first of them was sent.';
comment on column telnyx.unregistered_traffic.last_sent_at is 'When the last of them was sent.';
comment on column telnyx.unregistered_traffic.campaign_id is 'The campaign that the number is assigned to, the newest if there are several; empty if to none.';
comment on column telnyx.unregistered_traffic.campaign_status is 'Where that campaign stands: it must come to MNO_PROVISIONED.';
comment on column telnyx.unregistered_traffic.assigned_at is 'When the number was assigned to it. A new assignment takes carriers up to three days.';
