-- 24 hours, not a day, which may have 23 or 25 hours in the session's zone.
create or replace view telnyx.stuck_messages with (security_invoker = true) as
select message_id, recipient, account, sender, carrier, sent_at
from telnyx.message_deliveries
where not is_final and sent_at < now() - interval '24 hours';

comment on view telnyx.stuck_messages is
  'Messages that were sent more than 24 hours ago and of which nothing final has been heard: a carrier without receipts, or a webhook that never came.';
comment on column telnyx.stuck_messages.message_id is 'Telnyx''s id of the message.';
comment on column telnyx.stuck_messages.recipient is 'Who it was sent to.';
comment on column telnyx.stuck_messages.account is 'The account.';
comment on column telnyx.stuck_messages.sender is 'The number or sender name it was sent from.';
comment on column telnyx.stuck_messages.carrier is 'The recipient''s carrier.';
comment on column telnyx.stuck_messages.sent_at is 'When Telnyx sent it on.';
