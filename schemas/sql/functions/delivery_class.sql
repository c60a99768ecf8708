-- What several views say in one way: how a delivery went, and what kind of number a number of the +1 plan is.
-- SQL functions of one expression, so that the planner puts the expression in their place.

create or replace function telnyx.delivery_class(status text, is_final boolean) returns text
  language sql immutable parallel safe
return case
  when status in ('delivered', 'read') then 'delivered'
  when status in ('sending_failed', 'delivery_failed', 'expired', 'failed', 'cancelled', 'gw_timeout') then 'failed'
  when is_final then 'unconfirmed'
  else 'pending'
end;
comment on function telnyx.delivery_class(text, boolean) is
  'How a delivery went, in one of four words: delivered, failed, unconfirmed (nothing more is expected, and the carrier never said), pending.';
