-- Why is this brand not verified?
-- One row: the status of registration, identity and vetting, the last reason, and the campaigns that wait for the brand.
--
-- brand: Telnyx's id of the brand, or The Campaign Registry's (B…)
--
-- telnyx-ledger sql --ask why_brand_unverified --set brand=ID
-- psql "$DATABASE_URL" -v brand=ID -f schemas/queries/why_brand_unverified.sql

select b.brand_id, b.tcr_brand_id, b.name,
       case
         when b.brand_id is null then 'no webhook of this brand has arrived: check the id and the brand''s webhook URL'
         when b.registration_status = 'REGISTRATION_FAILED' then 'its registration failed: correct what the reason says; trying again is free'
         when b.identity_status = 'UNVERIFIED' then 'its identity could not be verified: legal name, tax id, address and website must match the public record'
         when b.vetting_status in ('VETTING_ORDER_FAILED', 'REVET_FAILED', 'APPEAL_FAILED') then 'its vetting failed'
         when b.vetting_status in ('VETTING_ORDERED', 'REVET_REQUESTED', 'APPEAL_PENDING') then 'vetting is under way: one to seven working days'
         when b.identity_status in ('VERIFIED', 'VETTED_VERIFIED', 'SELF_DECLARED') then 'it is verified'
         else 'no webhook has reported its identity status'
       end as answer,
       b.registration_status, b.identity_status, b.vetting_status, b.last_reason, b.updated_event_at,
       array(
         select coalesce(c.tcr_campaign_id, c.campaign_id) || ' ' || coalesce(c.status, '(no status)')
         from telnyx.campaigns c where c.brand_id = b.brand_id order by 1
       ) as campaigns
from (values (:'brand'::text)) as asked (id)
left join telnyx.ten_dlc_aliases alias on alias.entity = 'brand' and alias.alias = asked.id
left join telnyx.brands b on b.brand_id = coalesce(alias.id, asked.id);
