"""Webhooks about 10DLC brands, campaigns and numbers under several ids, a projector of this family, and its tables."""

from datetime import timedelta
from typing import Any

import asyncpg

from projections.engine.projector import Projector
from projections.tables.ten_dlc.facts import TEN_DLC
from tests.contract import tables as contract
from tests.support.projections.signed_records import RING
from tests.support.webhooks import builders
from tests.support.webhooks.builders import NOON, Json

TELNYX, OTHER = "4b300178-131c-d902-d54e-72d90ba1620j", "4b300178-131c-d902-d54e-000000000000"
TCR, TCR2 = "CNZO3VL", "C6X6M95"
BRAND, TCR_BRAND = "3fa85f64-5717-4562-b3fc-2c963f66afa6", "BBRAND1"
NUMBER = "+13125550001"
TABLES = ("ten_dlc_events", "ten_dlc_aliases", "brands", "campaigns", "campaign_transitions", "campaign_numbers")
KEYS = {table: ", ".join(contract.TABLES[table].key) for table in TABLES}
Tables = dict[str, list[dict[str, Any]]]


def webhook(minute: float = 0, **payload: Any) -> Json:
    """A webhook of the family, `minute` minutes after noon."""
    return builders.event("10dlc.campaign.update", payload, at=NOON + timedelta(minutes=minute))


def new_projector(url: str) -> Projector:
    return Projector(url, keys=RING, verify=False, owner="one", projections=[TEN_DLC])


async def tables(connection: asyncpg.Connection) -> Tables:
    return {
        table: [dict(row) for row in await connection.fetch(f"select * from telnyx.{table} order by {key}")]
        for table, key in KEYS.items()
    }


async def clear(connection: asyncpg.Connection) -> None:
    await connection.execute(" ".join(f"delete from telnyx.{table};" for table in KEYS))


async def rows(connection: asyncpg.Connection, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await connection.fetch(query)]


def onboarding() -> list[Json]:
    """Facts under both ids of a campaign and a brand, and the facts that link the ids."""
    return [
        webhook(0, campaignId=TCR, brandId=TCR_BRAND, type="VERIFIED"),
        webhook(1, campaignId=TELNYX, type="TELNYX_EVENT", status="DORMANT", reasons="idle"),
        webhook(2, campaignId=TCR, phoneNumber=NUMBER, type="ASSIGNMENT", status="FAILED", reasons=["no"]),
        webhook(3, tcrBrandId=TCR_BRAND, type="REVET", status="failed", reasons=["ein"]),
        webhook(4, brandId=BRAND, tcrBrandId=TCR_BRAND, type="BRAND_ADD", brandName="ACME"),
        webhook(5, campaignId=TELNYX, tcrCampaignId=TCR, phoneNumber=NUMBER, type="STATUS_UPDATE", status="ADDED"),
    ]
