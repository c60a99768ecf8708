-- As it is registered now: a number that is registered today has no rows, whatever it did before.
-- Readings: an assignment is what campaign_health counts, so pending and failed ones are none; first and last sent_at are of the rows that
-- have one, while the day is that of the row.
create or replace view telnyx.unregistered_traffic with (security_invoker = true) as
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
