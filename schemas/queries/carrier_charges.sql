-- What did carriers charge?
-- One row per carrier, kind of line, kind of message and currency: the amount that Telnyx billed, and the carriers' fee in it.
--
-- account: the account
-- since, until: days (UTC); the first is included, the second is not
--
-- telnyx-ledger sql --ask carrier_charges --set account=acme --set since=2026-01-01 --set until=2026-02-01
-- psql "$DATABASE_URL" -v account=acme -v since=2026-01-01 -v until=2026-02-01 -f schemas/queries/carrier_charges.sql

select carrier, line_type, message_type, cost_currency as currency,
       count(*) as deliveries,
       sum(parts) as parts,
       sum(cost_amount) as cost,
       sum(carrier_fee_amount) as carrier_fees,
       round(sum(carrier_fee_amount) / nullif(sum(parts) filter (where carrier_fee_amount is not null), 0), 6) as carrier_fee_per_part,
       count(*) filter (where cost_amount is null) as without_cost
from telnyx.message_deliveries
where account = :'account'::text
  and (coalesce(sent_at, first_event_at) at time zone 'UTC')::date >= :'since'::text::date
  and (coalesce(sent_at, first_event_at) at time zone 'UTC')::date < :'until'::text::date
group by carrier, line_type, message_type, cost_currency
order by carrier_fees desc nulls last, cost desc nulls last, carrier, line_type, message_type, currency;
