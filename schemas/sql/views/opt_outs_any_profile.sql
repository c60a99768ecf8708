-- Reading: both times are of the profiles opted out of; an opt-in to another profile is no part of the answer.
create or replace view telnyx.opt_outs_any_profile with (security_invoker = true) as
select account, phone_number,
       array_agg(messaging_profile_id order by messaging_profile_id) as profiles,
       min(changed_at) as first_opted_out_at,
       max(changed_at) as last_changed_at
from telnyx.opt_outs
where opted_out
group by account, phone_number;

comment on view telnyx.opt_outs_any_profile is
  'People who have opted out of at least one messaging profile of an account: for those who then suppress a person everywhere.';
comment on column telnyx.opt_outs_any_profile.account is 'The account.';
comment on column telnyx.opt_outs_any_profile.phone_number is 'The person.';
comment on column telnyx.opt_outs_any_profile.profiles is 'The messaging profiles that the person has opted out of; empty text stands for webhooks that name none.';
comment on column telnyx.opt_outs_any_profile.first_opted_out_at is 'The earliest of these opt-outs.';
comment on column telnyx.opt_outs_any_profile.last_changed_at is 'The latest of these opt-outs.';
