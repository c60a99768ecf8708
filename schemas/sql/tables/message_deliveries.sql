-- What became of every message that was sent: one row per message and recipient, folded from its webhooks in any order.
-- Why the hidden columns (status_rank, cost_*): they are the order in which a later webhook wins, so that an upsert needs no other row.
-- fillfactor leaves room in each page: no indexed column ever changes, so that updates stay in the page (HOT).

create table telnyx.message_deliveries (
  message_id           text collate "C" not null,
  recipient            text collate "C" not null,
  account              text collate "C" not null,
  messaging_profile_id text collate "C",
  sender               text collate "C",
  status               text collate "C" not null,
  is_final             boolean not null,
  status_at            timestamptz not null,
  message_type         text collate "C",
  tcr_campaign_id      text collate "C",
  group_message_id     text collate "C",
  carrier              text collate "C",
  line_type            text collate "C",
  encoding             text collate "C",
  parts                integer,
  cost_amount          numeric,
  cost_currency        text collate "C",
  carrier_fee_amount   numeric,
  error_codes          text[] collate "C" not null default '{}',
  error_detail         text collate "C",
  tags                 text[] collate "C" not null default '{}',
  queued_at            timestamptz,
  sent_at              timestamptz,
  completed_at         timestamptz,
  first_event_at       timestamptz not null,
  last_event_key       uuid not null,
  status_rank          smallint not null,
  cost_rank            smallint,
  cost_at              timestamptz,
  cost_event_key       uuid,
  constraint message_deliveries_pk primary key (message_id, recipient)
) with (fillfactor = 80);

comment on table telnyx.message_deliveries is
  'One row per sent message and recipient: where its delivery stands, what it cost, what went wrong. The same rows whatever order the webhooks came in.';
comment on column telnyx.message_deliveries.message_id is 'Telnyx''s id of the message.';
comment on column telnyx.message_deliveries.recipient is
  'Who it was sent to: a number in +digits, or an agent id. Empty if the webhook does not name the recipient.';
comment on column telnyx.message_deliveries.account is 'The account whose key signed the webhooks.';
comment on column telnyx.message_deliveries.messaging_profile_id is 'The messaging profile it was sent with.';
comment on column telnyx.message_deliveries.sender is 'The number or sender name it was sent from.';
comment on column telnyx.message_deliveries.status is
  'Where the delivery stands, in Telnyx''s words (queued, sending, sent, delivered, delivery_failed, ...): the furthest that any webhook has said.';
comment on column telnyx.message_deliveries.is_final is 'True once nothing more is expected: a final status, or a webhook message.finalized or message.read.';
comment on column telnyx.message_deliveries.status_at is 'When the event occurred that gave the status.';
comment on column telnyx.message_deliveries.message_type is 'SMS, MMS, RCS, WHATSAPP.';
comment on column telnyx.message_deliveries.tcr_campaign_id is 'The Campaign Registry''s id of the 10DLC campaign it was sent under.';
comment on column telnyx.message_deliveries.group_message_id is 'Telnyx''s id of the group message that it is a part of.';
comment on column telnyx.message_deliveries.carrier is 'The recipient''s carrier.';
comment on column telnyx.message_deliveries.line_type is 'The recipient''s kind of line (Wireless, VoIP, ...).';
comment on column telnyx.message_deliveries.encoding is 'Character encoding of the text (GSM-7, UCS-2, ...).';
comment on column telnyx.message_deliveries.parts is 'In how many parts it was sent and billed.';
comment on column telnyx.message_deliveries.cost_amount is
  'What Telnyx charged for the message. A cost stated once for several recipients is booked on the first only, so that sums are right.';
comment on column telnyx.message_deliveries.cost_currency is 'Currency of cost_amount, e.g. USD.';
comment on column telnyx.message_deliveries.carrier_fee_amount is 'The carrier''s fee within the cost, if Telnyx broke it down.';
comment on column telnyx.message_deliveries.error_codes is 'Telnyx''s error codes of the status, in order, each once: see error_codes. Empty if none.';
comment on column telnyx.message_deliveries.error_detail is 'The errors of the status in words, for people.';
comment on column telnyx.message_deliveries.tags is 'The tags that the sender gave the message.';
comment on column telnyx.message_deliveries.queued_at is 'When Telnyx took the message from us.';
comment on column telnyx.message_deliveries.sent_at is 'When Telnyx sent it on.';
comment on column telnyx.message_deliveries.completed_at is 'When Telnyx was done with it.';
comment on column telnyx.message_deliveries.first_event_at is 'When the earliest known event of this row occurred.';
comment on column telnyx.message_deliveries.last_event_key is 'The event that gave the status: see events.';
comment on column telnyx.message_deliveries.status_rank is 'How far the status is, 0 (scheduled) to 6 (read): decides which webhook wins. For the projector.';
comment on column telnyx.message_deliveries.cost_rank is 'Rank of the status of the event that the cost is from. For the projector.';
comment on column telnyx.message_deliveries.cost_at is 'When the event occurred that the cost is from. For the projector.';
comment on column telnyx.message_deliveries.cost_event_key is 'The event that the cost is from. For the projector.';

-- How deliveries go, for dashboards: per hour, per carrier and day, per error and day, and those that hang.
-- Plain views: always right, nothing to keep in step. Hours and days are those of UTC in every session: AT TIME ZONE 'UTC' takes the
-- session's zone out, and is immutable, which an index needs.

-- Why these indexes: with a year of 1,000,000 deliveries, the questions below for one account and 30 days took 0.2 to 0.9 s by reading the
-- whole table, which grows with what is kept; by index they take 0.01 to 0.13 s and grow with the 30 days. They cost the projector about
-- 4 µs more for a new row (of 15), and 2 µs for a change of one: no column of theirs changes as a delivery moves on (error_codes on a
-- failure only), so that updates stay in their page; for that reason none holds status_at or is_final. Time first, because campaign_health
-- asks for the last day of all accounts; an hour or a day in place of the moment, because equal entries share one.
create index message_deliveries_hour_idx on telnyx.message_deliveries
  ((date_trunc('hour', coalesce(sent_at, first_event_at) at time zone 'UTC') at time zone 'UTC'), account);
create index message_deliveries_day_idx on telnyx.message_deliveries
  (((coalesce(sent_at, first_event_at) at time zone 'UTC')::date), account);
-- stuck_messages and opt_out_violations
create index message_deliveries_sent_idx on telnyx.message_deliveries (sent_at, account);
-- error_breakdown_daily reads the failures of all time of an account: few, beside the rest
create index message_deliveries_errors_idx on telnyx.message_deliveries (account) where error_codes <> '{}';
