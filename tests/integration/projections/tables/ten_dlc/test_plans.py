"""The cost of a refold grows with the entities that it touches: each of its queries reads by index."""

import asyncpg
import pytest

from projections.sql import queries
from tests.support.sql.rows import plan

HOT = {
    "changed_links": (["C000001"], ["B000001"]),
    "entities": (["campaign", "brand"], ["campaign-1", "brand-1"]),
    "campaigns_that_name_brands": (["B000001"],),
    "numbers_of_campaigns": (["C000001"],),
    "brand_facts": (["brand-1"],),
    "campaign_facts": (["campaign-1"],),
    "number_facts": (["+13120000001"], ["campaign-1"]),
    "delete_brands": (["brand-x"],),
    "delete_campaigns": (["campaign-x"],),
    "transitions": (["campaign-1"],),
    "cut_transitions": (["campaign-1"], [9]),
    "delete_numbers": (["+13120000001"], ["campaign-x"]),
    "show_tcr_ids": (["campaign-1"], ["C000001"]),
}


@pytest.fixture
async def stored(connection: asyncpg.Connection) -> asyncpg.Connection:
    """Many entities, so a plan that reads all of them is noticed."""
    await connection.execute("""
        insert into telnyx.ten_dlc_events
          (event_key, account, entity, brand_id, campaign_id, tcr_campaign_id, phone_number, tcr_brand_id, occurred_at,
           tcr_id_has_field, links_campaign, links_brand)
        select gen_random_uuid(), 'default', entity, 'brand-' || i / 10,
               case entity when 'brand' then null else 'campaign-' || i end,
               case entity when 'brand' then null else 'C' || lpad(i::text, 6, '0') end,
               case entity when 'phone_number' then '+1312' || lpad(i::text, 7, '0') end,
               'B' || lpad((i / 10)::text, 6, '0'), now(), true, entity <> 'brand', true
        from generate_series(1, 5000) as i, unnest(array['brand', 'campaign', 'phone_number']) as entity;
        insert into telnyx.ten_dlc_aliases
        select distinct 'campaign', tcr_campaign_id, campaign_id, gen_random_uuid() from telnyx.ten_dlc_events
        where entity = 'campaign';
        insert into telnyx.brands (brand_id, account, updated_event_at, last_event_key)
        select 'brand-' || i, 'default', now(), gen_random_uuid() from generate_series(1, 5000) as i;
        insert into telnyx.campaigns (campaign_id, account, last_event_key)
        select 'campaign-' || i, 'default', gen_random_uuid() from generate_series(1, 5000) as i;
        insert into telnyx.campaign_transitions (campaign_id, seq, to_status, event_key, is_documented, occurred_at)
        select 'campaign-' || i, seq, 'TCR_PENDING', gen_random_uuid(), true, now()
        from generate_series(1, 5000) as i, generate_series(1, 3) as seq;
        insert into telnyx.campaign_numbers
          (phone_number, campaign_id, account, tcr_campaign_id, status, status_at, last_event_key)
        select '+1312' || lpad(i::text, 7, '0'), 'campaign-' || i / 1000, 'default',
               'C' || lpad((i / 1000)::text, 6, '0'), 'ASSIGNED', now(), gen_random_uuid()
        from generate_series(1, 5000) as i;
    """)
    await connection.execute("analyze")
    return connection


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
async def test_every_query_of_a_refold_reads_by_index(stored: asyncpg.Connection, mode: str) -> None:
    await stored.execute(f"set plan_cache_mode = {mode}")
    for name, arguments in HOT.items():
        found = await plan(stored, queries("ten_dlc")[name], *arguments)
        assert "Index" in found, f"{name}\n{found}"
        assert "Seq Scan" not in found, f"{name}\n{found}"
