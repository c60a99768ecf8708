-- The result of a message, the same in every view.
-- This is a SQL function of one expression: the planner puts the expression in its place.

create or replace function telnyx.delivery_class(status text, is_final boolean) returns text
  language sql immutable parallel safe
return case
  when status in ('delivered', 'read') then 'delivered'
  when status in ('sending_failed', 'delivery_failed', 'expired', 'failed', 'cancelled', 'gw_timeout') then 'failed'
  when is_final then 'unconfirmed'
  else 'pending'
end;
comment on function telnyx.delivery_class(text, boolean) is
  'Result of a message in one of four words: delivered, failed, unconfirmed (nothing more is expected, and the carrier never said), pending.';
