-- Traffic that no campaign covers, by today's registration: a number that is registered today has no rows, whatever it did before.
-- Readings: an assignment is the same as in campaign_health, so pending and failed ones do not count. first_sent_at and last_sent_at
-- come from the rows that have a sent_at; the day comes from every row.

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
  'Messages from ordinary numbers of the United States that are in no approved 10DLC campaign. Carriers block or fine them. One row per account, number and day.';
comment on column telnyx.unregistered_traffic.account is 'Account.';
comment on column telnyx.unregistered_traffic.sender is 'Number that they were sent from.';
comment on column telnyx.unregistered_traffic.day is 'Day (UTC).';
comment on column telnyx.unregistered_traffic.messages is 'Number of messages, counted once per recipient.';
comment on column telnyx.unregistered_traffic.first_sent_at is 'Time at which the first of them was sent.';
comment on column telnyx.unregistered_traffic.last_sent_at is 'Time at which the last of them was sent.';
comment on column telnyx.unregistered_traffic.campaign_id is
  'Campaign that the number is assigned to, the newest if there are several; empty if there is none.';
comment on column telnyx.unregistered_traffic.campaign_status is 'Status of that campaign. It must reach MNO_PROVISIONED.';
comment on column telnyx.unregistered_traffic.assigned_at is
  'Time at which the number was assigned to it. Carriers take up to three days for a new assignment.';
