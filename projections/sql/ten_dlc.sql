-- Brands, campaigns and numbers of 10DLC, folded again from their facts under one lock: these events are rare, and a link
-- between two ids affects many rows. Sub-selects and `offset 0` make each look-up use an index, once per entity.

-- name: lock
select turn from telnyx.turns where turn = 256 for update;

-- name: changed_links
-- params: $1 registry ids of campaigns, $2 registry ids of brands
-- The Telnyx ids that registry ids stand for now, where the table of aliases says otherwise.
select link.entity, link.alias, link.id, link.event_key::text, known.id as was
from (
  select 'campaign' as entity, given.alias, greatest_link.id, greatest_link.event_key
  from unnest($1::text[]) as given (alias)
  cross join lateral (
    select campaign_id as id, event_key from telnyx.ten_dlc_events
    where links_campaign and tcr_campaign_id = given.alias
    order by tcr_id_has_field desc, occurred_at desc, event_key desc limit 1
  ) as greatest_link
  union all
  select 'brand', given.alias, greatest_link.id, greatest_link.event_key
  from unnest($2::text[]) as given (alias)
  cross join lateral (
    select brand_id as id, event_key from telnyx.ten_dlc_events
    where links_brand and tcr_brand_id = given.alias
    order by occurred_at desc, event_key desc limit 1
  ) as greatest_link
) as link
left join lateral (
  select id, event_key from telnyx.ten_dlc_aliases as alias
  where alias.entity = link.entity and alias.alias = link.alias
  offset 0
) as known on true
where (known.id, known.event_key) is distinct from (link.id, link.event_key)
order by link.entity, link.alias;

-- name: write_aliases
-- params: $1 entities, $2 registry ids, $3 Telnyx ids, $4 event keys
insert into telnyx.ten_dlc_aliases (entity, alias, id, event_key)
select given.* from unnest($1::text[], $2::text[], $3::text[], $4::uuid[]) as given (entity, alias, id, event_key)
on conflict (entity, alias) do update set id = excluded.id, event_key = excluded.event_key;

-- name: campaigns_that_name_brands
-- params: $1 brand ids
select distinct named_campaign_id as id from telnyx.ten_dlc_events where entity = 'campaign' and brand_id = any($1::text[]);

-- name: numbers_of_campaigns
-- params: $1 campaign ids
select distinct named_campaign_id as id, phone_number from telnyx.ten_dlc_events
where entity = 'phone_number' and named_campaign_id = any($1::text[]);

-- name: entities
-- params: $1 entities, $2 ids
-- The entities of these ids, with all their registry ids and the one that is shown.
with given as (
  select given.entity, given.id from unnest($1::text[], $2::text[]) as given (entity, id)
),
wanted as (
  select entity, id from given
  union
  select entity, (select alias.id from telnyx.ten_dlc_aliases as alias where alias.entity = given.entity and alias.alias = given.id)
  from given
)
select wanted.entity, wanted.id,
       (select alias.id from telnyx.ten_dlc_aliases as alias where alias.entity = wanted.entity and alias.alias = wanted.id) as stands_for,
       array(select alias.alias from telnyx.ten_dlc_aliases as alias where alias.entity = wanted.entity and alias.id = wanted.id) as aliases,
       case wanted.entity
         when 'campaign' then (
           select tcr_campaign_id from telnyx.ten_dlc_events
           where links_campaign and campaign_id = wanted.id
           order by tcr_id_has_field desc, occurred_at desc, event_key desc limit 1)
         else (
           select tcr_brand_id from telnyx.ten_dlc_events
           where links_brand and brand_id = wanted.id
           order by occurred_at desc, event_key desc limit 1)
       end as tcr_id
from wanted
where wanted.id is not null;

-- name: brand_facts
-- params: $1 brand ids
select named_brand_id as named, event_key::text, occurred_at, account, payload_type, tcr_event_type, status, reason, brand_name, identity_status
from telnyx.ten_dlc_events as fact
where entity = 'brand' and named_brand_id = any($1::text[])
order by fact.occurred_at, fact.event_key;

-- name: campaign_facts
-- params: $1 campaign ids
select named_campaign_id as named, event_key::text, occurred_at, account, payload_type, tcr_event_type, status, reason, campaign_status,
       csp_id, is_t_mobile_registered,
       coalesce((select alias.id from telnyx.ten_dlc_aliases as alias where alias.entity = 'brand' and alias.alias = fact.brand_id), brand_id)
         as brand_id
from telnyx.ten_dlc_events as fact
where entity = 'campaign' and named_campaign_id = any($1::text[])
order by fact.occurred_at, fact.event_key;

-- name: number_facts
-- params: $1 phone numbers, $2 campaign ids
select given.phone_number, given.id as named, fact.event_key::text, fact.payload_type, fact.status
from unnest($1::text[], $2::text[]) as given (phone_number, id)
cross join lateral (
  select event_key, occurred_at, payload_type, status from telnyx.ten_dlc_events
  where entity = 'phone_number' and named_campaign_id = given.id and ten_dlc_events.phone_number = given.phone_number
  offset 0
) as fact
order by fact.occurred_at, fact.event_key;

-- name: write_brands
-- params: $1 JSON array of rows
insert into telnyx.brands as kept
  (brand_id, account, tcr_brand_id, name, registration_status, identity_status, vetting_status, last_reason, updated_event_at, last_event_key)
select brand_id, account, tcr_brand_id, name, registration_status, identity_status, vetting_status, last_reason, updated_event_at, last_event_key
from json_to_recordset($1::json) as given
  (brand_id text, account text, tcr_brand_id text, name text, registration_status text, identity_status text, vetting_status text,
   last_reason text, updated_event_at timestamptz, last_event_key uuid)
on conflict (brand_id) do update set
  account = excluded.account, tcr_brand_id = excluded.tcr_brand_id, name = excluded.name,
  registration_status = excluded.registration_status, identity_status = excluded.identity_status,
  vetting_status = excluded.vetting_status, last_reason = excluded.last_reason,
  updated_event_at = excluded.updated_event_at, last_event_key = excluded.last_event_key
where kept.* is distinct from excluded.*;

-- name: delete_brands
-- params: $1 brand ids
delete from telnyx.brands where brand_id = any($1::text[]);

-- name: write_campaigns
-- params: $1 JSON array of rows
insert into telnyx.campaigns as kept
  (campaign_id, account, tcr_campaign_id, brand_id, csp_id, status, previous_status, status_at, reason, is_t_mobile_registered,
   number_pool_provisioned, last_event_key)
select campaign_id, account, tcr_campaign_id, brand_id, csp_id, status, previous_status, status_at, reason, is_t_mobile_registered,
       number_pool_provisioned, last_event_key
from json_to_recordset($1::json) as given
  (campaign_id text, account text, tcr_campaign_id text, brand_id text, csp_id text, status text, previous_status text,
   status_at timestamptz, reason text, is_t_mobile_registered boolean, number_pool_provisioned boolean, last_event_key uuid)
on conflict (campaign_id) do update set
  account = excluded.account, tcr_campaign_id = excluded.tcr_campaign_id, brand_id = excluded.brand_id, csp_id = excluded.csp_id,
  status = excluded.status, previous_status = excluded.previous_status, status_at = excluded.status_at, reason = excluded.reason,
  is_t_mobile_registered = excluded.is_t_mobile_registered, number_pool_provisioned = excluded.number_pool_provisioned,
  last_event_key = excluded.last_event_key
where kept.* is distinct from excluded.*;

-- name: delete_campaigns
-- params: $1 campaign ids
delete from telnyx.campaigns where campaign_id = any($1::text[]);

-- name: transitions
-- params: $1 campaign ids
select campaign_id, seq, from_status, to_status, event_key::text, payload_type, tcr_event_type, reason, is_documented, occurred_at
from telnyx.campaign_transitions
where campaign_id = any($1::text[]);

-- name: write_transitions
-- params: $1 JSON array of rows
insert into telnyx.campaign_transitions as kept
  (campaign_id, seq, from_status, to_status, event_key, payload_type, tcr_event_type, reason, is_documented, occurred_at)
select campaign_id, seq, from_status, to_status, event_key, payload_type, tcr_event_type, reason, is_documented, occurred_at
from json_to_recordset($1::json) as given
  (campaign_id text, seq integer, from_status text, to_status text, event_key uuid, payload_type text, tcr_event_type text,
   reason text, is_documented boolean, occurred_at timestamptz)
on conflict (campaign_id, seq) do update set
  from_status = excluded.from_status, to_status = excluded.to_status, event_key = excluded.event_key,
  payload_type = excluded.payload_type, tcr_event_type = excluded.tcr_event_type, reason = excluded.reason,
  is_documented = excluded.is_documented, occurred_at = excluded.occurred_at
where kept.* is distinct from excluded.*;

-- name: cut_transitions
-- params: $1 campaign ids, $2 last seq that stays
-- Deletes the transitions after the last one that is left of each campaign.
delete from telnyx.campaign_transitions as transition
using unnest($1::text[], $2::integer[]) as given (campaign_id, last_seq)
where transition.campaign_id = given.campaign_id and transition.seq > given.last_seq;

-- name: write_numbers
-- params: $1 JSON array of rows
-- Columns that are not folded come from the deciding fact: its reasons stay the same JSON.
insert into telnyx.campaign_numbers as kept
  (phone_number, campaign_id, account, tcr_campaign_id, status, reasons, status_at, last_event_key)
select given.phone_number, given.campaign_id, fact.account, given.tcr_campaign_id, given.status, fact.reasons, fact.occurred_at, fact.event_key
from json_to_recordset($1::json) as given
  (phone_number text, campaign_id text, tcr_campaign_id text, status text, last_event_key uuid)
cross join lateral (
  select account, reasons, occurred_at, event_key from telnyx.ten_dlc_events where event_key = given.last_event_key offset 0
) as fact
on conflict (phone_number, campaign_id) do update set
  account = excluded.account, tcr_campaign_id = excluded.tcr_campaign_id, status = excluded.status, reasons = excluded.reasons,
  status_at = excluded.status_at, last_event_key = excluded.last_event_key
where kept.* is distinct from excluded.*;

-- name: delete_numbers
-- params: $1 phone numbers, $2 campaign ids
delete from telnyx.campaign_numbers as number
using unnest($1::text[], $2::text[]) as given (phone_number, campaign_id)
where number.phone_number = given.phone_number and number.campaign_id = given.campaign_id;

-- name: show_tcr_ids
-- params: $1 campaign ids, $2 registry ids
-- Ranges instead of `<>`: an index finds the rows to change, and a campaign may have thousands of rows.
update telnyx.campaign_numbers as number
set tcr_campaign_id = given.tcr_id
from unnest($1::text[], $2::text[]) as given (campaign_id, tcr_id)
where number.campaign_id = given.campaign_id
  and (number.tcr_campaign_id < given.tcr_id or number.tcr_campaign_id > given.tcr_id or number.tcr_campaign_id is null);
