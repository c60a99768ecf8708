-- Messages without a final status. The limit is 24 hours, not a day, which may have 23 or 25 hours in the session's zone.

create or replace view telnyx.stuck_messages with (security_invoker = true) as
select message_id, recipient, account, sender, carrier, sent_at
from telnyx.message_deliveries
where not is_final and sent_at < now() - interval '24 hours';

comment on view telnyx.stuck_messages is
  'Messages sent more than 24 hours ago for which no final status has arrived: the carrier sends no receipts, or a webhook never came.';
comment on column telnyx.stuck_messages.message_id is 'Telnyx''s id of the message.';
comment on column telnyx.stuck_messages.recipient is 'Recipient.';
comment on column telnyx.stuck_messages.account is 'Account.';
comment on column telnyx.stuck_messages.sender is 'Number or sender name that the message was sent from.';
comment on column telnyx.stuck_messages.carrier is 'Carrier of the recipient.';
comment on column telnyx.stuck_messages.sent_at is 'Time at which Telnyx sent the message on.';
