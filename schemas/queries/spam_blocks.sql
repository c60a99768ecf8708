-- Which of our messages are blocked as spam?
-- A row per campaign, sender and carrier that blocks any (40002, 40003, 40015, 40017), the worst first; share is of all that went that way.
--
-- account: the account
-- since: a day (UTC)
--
-- telnyx-ledger sql --ask spam_blocks --set account=acme --set since=2026-01-01
-- psql "$DATABASE_URL" -v account=acme -v since=2026-01-01 -f schemas/queries/spam_blocks.sql

select sent.tcr_campaign_id, c.status as campaign_status, sent.sender, sent.carrier, sent.messages, sent.blocked,
       round(sent.blocked::numeric / sent.messages, 4) as share, sent.codes, sent.last_blocked_at
from (
  select tcr_campaign_id, sender, carrier,
         count(distinct (message_id, recipient)) as messages,
         count(distinct (message_id, recipient)) filter (where code is not null) as blocked,
         array_agg(distinct code) filter (where code is not null) as codes,
         max(status_at) filter (where code is not null) as last_blocked_at
  from telnyx.message_deliveries
  left join lateral unnest(error_codes) as code on code in ('40002', '40003', '40015', '40017')
  where account = :'account'::text and (coalesce(sent_at, first_event_at) at time zone 'UTC')::date >= :'since'::text::date
  group by tcr_campaign_id, sender, carrier
) sent
left join telnyx.campaigns c on c.tcr_campaign_id = sent.tcr_campaign_id
where sent.blocked > 0
order by sent.blocked desc, sent.tcr_campaign_id, sent.sender, sent.carrier;
