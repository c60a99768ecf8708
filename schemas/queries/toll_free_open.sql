-- Which toll-free verifications are open, and what is the next step?
-- One row per request that is not verified, the longest wait first.
--
-- account: the account
--
-- telnyx-ledger sql --ask toll_free_open --set account=acme
-- psql "$DATABASE_URL" -v account=acme -f schemas/queries/toll_free_open.sql

select verification_id, status, reason, status_at as since, now() - status_at as waiting_for,
       case
         when status = 'rejected' then 'correct what the reason names, then submit the same request again (PATCH)'
         when status = 'waiting_for_customer' then 'Telnyx waits for you: see the reason'
         when status_at < now() - interval '14 days' then 'it has waited longer than the two weeks that the vendor states: ask Telnyx support'
         else 'in review: five to ten working days at the carriers'
       end as answer
from telnyx.toll_free_verifications
where account = :'account'::text and status <> 'verified'
order by status_at, verification_id;
