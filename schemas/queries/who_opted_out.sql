-- Who opted out, and how?
-- One row per messaging profile and person who is opted out, the newest first. last_event_key names the event that proves it.
--
-- account: the account
-- since: a time or a day; lists people who opted out since then
--
-- telnyx-ledger sql --ask who_opted_out --set account=acme --set since=2026-01-01
-- psql "$DATABASE_URL" -v account=acme -v since=2026-01-01 -f schemas/queries/who_opted_out.sql

select phone_number, messaging_profile_id, changed_at as opted_out_at,
       case basis
         when 'autoresponse' then 'wrote ' || coalesce(keyword, 'a keyword') || ' to ' || coalesce(via_number, 'us') || ', which Telnyx answered'
         when 'keyword' then 'wrote ' || coalesce(keyword, 'so') || ' to ' || coalesce(via_number, 'us') || ', which only we recognised'
         else 'a send from ' || coalesce(via_number, 'us') || ' was refused (40300): the opt-out itself is not recorded here'
       end as how,
       case when telnyx_blocked then 'Telnyx blocks messages' else 'only your software can block messages' end as effect,
       basis, keyword, via_number, telnyx_blocked, last_event_key
from telnyx.opt_outs
where opted_out and account = :'account'::text and changed_at >= :'since'::text::timestamptz
order by changed_at desc, messaging_profile_id, phone_number;
