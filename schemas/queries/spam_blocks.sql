-- Which of our messages are blocked as spam?
-- One row per campaign, sender and carrier with blocked messages, the most blocked first. share is the blocked part of all its messages.
-- Blocked by: the carrier temporarily (40002), the carrier permanently (40003), Telnyx (40015), AT&T (40017). Advice is in error_codes.
--
-- account: the account
-- since: a day (UTC)
--
-- telnyx-ledger sql --ask spam_blocks --set account=acme --set since=2026-01-01
-- psql "$DATABASE_URL" -v account=acme -v since=2026-01-01 -f schemas/queries/spam_blocks.sql

select sent.tcr_campaign_id, c.status as campaign_status, sent.sender, sent.carrier, sent.messages, sent.blocked,
       round(sent.blocked::numeric / sent.messages, 4) as share,
       sent.blocked_40002, sent.blocked_40003, sent.blocked_40015, sent.blocked_40017, sent.last_blocked_at
from (
  select tcr_campaign_id, sender, carrier,
         count(*) as messages,
         count(*) filter (where spam) as blocked,
         count(*) filter (where '40002' = any (error_codes)) as blocked_40002,
         count(*) filter (where '40003' = any (error_codes)) as blocked_40003,
         count(*) filter (where '40015' = any (error_codes)) as blocked_40015,
         count(*) filter (where '40017' = any (error_codes)) as blocked_40017,
         max(status_at) filter (where spam) as last_blocked_at
  from (
    select *, error_codes && '{40002,40003,40015,40017}'::text[] collate "C" as spam
    from telnyx.message_deliveries
    where account = :'account'::text and (coalesce(sent_at, first_event_at) at time zone 'UTC')::date >= :'since'::text::date
  ) d
  group by tcr_campaign_id, sender, carrier
) sent
left join telnyx.campaigns c on c.tcr_campaign_id = sent.tcr_campaign_id
where sent.blocked > 0
order by sent.blocked desc, sent.tcr_campaign_id, sent.sender, sent.carrier;
