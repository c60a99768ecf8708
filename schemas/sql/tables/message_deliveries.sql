-- Every sent message: one row per message and recipient, folded from its webhooks in any order.
-- The columns status_rank and cost_* hold the order in which a later webhook wins: an upsert needs no other row.
-- fillfactor leaves room in each page for a second version of every row. A batch of message.sent fills pages, and the batch of
-- message.finalized that follows rewrites all of their rows in one transaction. No indexed column changes as a message moves on, so these
-- updates stay in the page (HOT): 27 % of them with a fillfactor of 80, all of them with 50, at three quarters of the time.

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
) with (fillfactor = 50);

comment on table telnyx.message_deliveries is
  'One row per sent message and recipient: its status, cost and errors. The order in which webhooks arrive does not change the rows.';
comment on column telnyx.message_deliveries.message_id is 'Telnyx''s id of the message.';
comment on column telnyx.message_deliveries.recipient is
  'Recipient: a number in +digits, or an agent id. Empty if the webhook does not name the recipient.';
comment on column telnyx.message_deliveries.account is 'Account whose key signed the webhooks.';
comment on column telnyx.message_deliveries.messaging_profile_id is 'Messaging profile that the message was sent with.';
comment on column telnyx.message_deliveries.sender is 'Number or sender name that the message was sent from.';
comment on column telnyx.message_deliveries.status is
  'Status in Telnyx''s words (queued, sending, sent, delivered, delivery_failed, ...): the furthest that any webhook has reported.';
comment on column telnyx.message_deliveries.is_final is
  'True once nothing more is expected: a final status, or a webhook message.finalized or message.read.';
comment on column telnyx.message_deliveries.status_at is 'Time of the event that gave the status.';
comment on column telnyx.message_deliveries.message_type is 'SMS, MMS, RCS, WHATSAPP.';
comment on column telnyx.message_deliveries.tcr_campaign_id is
  'The Campaign Registry''s id of the 10DLC campaign that the message was sent under.';
comment on column telnyx.message_deliveries.group_message_id is 'Telnyx''s id of the group message that this message is a part of.';
comment on column telnyx.message_deliveries.carrier is 'Carrier of the recipient.';
comment on column telnyx.message_deliveries.line_type is 'Kind of line of the recipient (Wireless, VoIP, ...).';
comment on column telnyx.message_deliveries.encoding is 'Character encoding of the text (GSM-7, UCS-2, ...).';
comment on column telnyx.message_deliveries.parts is 'Number of parts that were sent and billed.';
comment on column telnyx.message_deliveries.cost_amount is
  'Amount that Telnyx charged for the message. If Telnyx states one cost for several recipients, only the first has it, and sums are right.';
comment on column telnyx.message_deliveries.cost_currency is 'Currency of cost_amount, e.g. USD.';
comment on column telnyx.message_deliveries.carrier_fee_amount is 'Carrier''s fee within the cost, if Telnyx broke it down.';
comment on column telnyx.message_deliveries.error_codes is
  'Telnyx''s error codes of the status, in order, each once: see error_codes. Empty if there are none.';
comment on column telnyx.message_deliveries.error_detail is 'Errors of the status in words, for people.';
comment on column telnyx.message_deliveries.tags is 'Tags that the sender gave the message.';
comment on column telnyx.message_deliveries.queued_at is 'Time at which Telnyx accepted the message from us.';
comment on column telnyx.message_deliveries.sent_at is 'Time at which Telnyx sent the message on.';
comment on column telnyx.message_deliveries.completed_at is 'Time at which Telnyx finished with the message.';
comment on column telnyx.message_deliveries.first_event_at is 'Time of the earliest known event of this row.';
comment on column telnyx.message_deliveries.last_event_key is 'Event that gave the status: see events.';
comment on column telnyx.message_deliveries.status_rank is
  'Progress of the status, from 0 (scheduled) to 6 (read). It decides which webhook wins. For the projector.';
comment on column telnyx.message_deliveries.cost_rank is 'Rank of the status of the event that the cost is from. For the projector.';
comment on column telnyx.message_deliveries.cost_at is 'Time of the event that the cost is from. For the projector.';
comment on column telnyx.message_deliveries.cost_event_key is 'Event that the cost is from. For the projector.';

-- Indexes for the views of dashboards. With a year of 1,000,000 rows, their queries for one account and 30 days took 0.2 to 0.9 s by
-- reading the whole table, a time that grows with the table. By index they take 0.01 to 0.13 s and grow with the 30 days.
-- The indexes cost the projector about 4 µs more for a new row (of 15), and 2 µs for a change of one. Their columns do not change as a
-- message moves on (error_codes on a failure only), so updates stay in their page. None holds status_at or is_final for that reason.
-- Time comes first, because campaign_health asks for the last day of all accounts. An hour or a day stands in place of the moment,
-- because equal entries share one. AT TIME ZONE 'UTC' removes the session's zone and is immutable, which an index needs.
create index message_deliveries_hour_idx on telnyx.message_deliveries
  ((date_trunc('hour', coalesce(sent_at, first_event_at) at time zone 'UTC') at time zone 'UTC'), account);
create index message_deliveries_day_idx on telnyx.message_deliveries
  (((coalesce(sent_at, first_event_at) at time zone 'UTC')::date), account);
-- For stuck_messages and opt_out_violations.
create index message_deliveries_sent_idx on telnyx.message_deliveries (sent_at, account);
-- For questions about one person, opt_out_violations among them.
create index message_deliveries_recipient_idx on telnyx.message_deliveries (recipient);
-- error_breakdown_daily reads all failures of an account: few, compared with the other rows.
create index message_deliveries_errors_idx on telnyx.message_deliveries (account) where error_codes <> '{}';
