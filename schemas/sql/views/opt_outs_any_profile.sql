-- People who opted out of any profile.
-- Reading: both times cover the profiles opted out of. An opt-in to another profile does not count.

create or replace view telnyx.opt_outs_any_profile with (security_invoker = true) as
select account, phone_number,
       array_agg(messaging_profile_id order by messaging_profile_id) as profiles,
       min(changed_at) as first_opted_out_at,
       max(changed_at) as last_changed_at
from telnyx.opt_outs
where opted_out
group by account, phone_number;

comment on view telnyx.opt_outs_any_profile is
  'People who have opted out of at least one messaging profile of an account. Use it to suppress a person everywhere.';
comment on column telnyx.opt_outs_any_profile.account is 'Account.';
comment on column telnyx.opt_outs_any_profile.phone_number is 'The person.';
comment on column telnyx.opt_outs_any_profile.profiles is
  'Messaging profiles that the person has opted out of. Empty text stands for webhooks that name none.';
comment on column telnyx.opt_outs_any_profile.first_opted_out_at is 'The earliest of these opt-outs.';
comment on column telnyx.opt_outs_any_profile.last_changed_at is 'The latest of these opt-outs.';
