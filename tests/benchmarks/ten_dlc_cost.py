"""What a batch of 500 with 10DLC events costs where 1,000 and where 100,000 campaigns are stored: nearly the same.

Run by `python -m tests.benchmarks.ten_dlc_cost`. A batch holds 400 message events and 100 10DLC events about 100
campaigns: reviews, a late link, numbers. Stored is a history of each campaign, loaded as facts and folded.
"""

import asyncio
import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import asyncpg

from deploy.embedded.postgres import EmbeddedPostgres
from projections.engine.batch import Incoming
from projections.engine.projector import Projector
from projections.registry import PROJECTIONS
from projections.tables.ten_dlc.refold import refold
from schemas.reading.signing import KeyRing, parse_keys
from schemas.sql.migrate import migrate
from tests.benchmarks.load.requests import Signed, traffic
from tests.benchmarks.projector import as_read, deliveries
from tests.support.webhooks import builders

STORED = (1_000, 100_000)
ROUNDS = 15
MESSAGES, TEN_DLC = 400, 100
LOAD = """
    insert into telnyx.ten_dlc_events
      (event_key, account, entity, brand_id, campaign_id, tcr_campaign_id, phone_number, payload_type, tcr_event_type,
       status, occurred_at, tcr_brand_id, brand_name, reason, tcr_id_has_field, links_campaign, links_brand)
    select gen_random_uuid(), 'default', said.entity, 'brand-' || i / 10,
           case when said.entity <> 'brand' then 'campaign-' || i end,
           case when said.has_tcr_id then 'C' || lpad(i::text, 8, '0') end,
           case when said.entity = 'phone_number' then '+1312' || lpad(i::text, 7, '0') end,
           said.payload_type, said.tcr_event_type, said.status, timestamptz '2026-01-01Z' + said.nth * interval '1 day',
           case when said.entity = 'brand' then 'B' || lpad((i / 10)::text, 8, '0') end, 'ACME', 'why',
           said.has_tcr_id, said.has_tcr_id, said.entity = 'brand'
    from generate_series($1::integer, $2::integer) as i
    cross join (values
      (1, 'brand', 'TCR_BRAND_UPDATE', 'BRAND_ADD', null, false),
      (2, 'campaign', 'TCR_EVENT', 'CAMPAIGN_ADD', null, false),
      (3, 'campaign', 'TELNYX_REVIEW', null, 'ACCEPTED', true),
      (4, 'campaign', 'TCR_EVENT', 'MNO_CAMPAIGN_OPERATION_REVIEW', null, false),
      (5, 'campaign', 'TCR_EVENT', 'MNO_CAMPAIGN_OPERATION_APPROVED', null, false),
      (6, 'campaign', 'MNO_REVIEW', null, 'ACCEPTED', false),
      (7, 'campaign', 'VERIFIED', null, null, false),
      (8, 'phone_number', 'STATUS_UPDATE', null, 'ADDED', true)
    ) as said (nth, entity, payload_type, tcr_event_type, status, has_tcr_id)
"""
TOUCHED = """
    select distinct entity, phone_number, campaign_id, tcr_campaign_id, links_campaign, brand_id, tcr_brand_id,
           links_brand
    from telnyx.ten_dlc_events where campaign_id = any($1::text[]) or (entity = 'brand' and brand_id = any($2::text[]))
"""
CHUNK = 1_000


async def load(connection: asyncpg.Connection, count: int) -> None:
    """Facts of so many campaigns, and what they come to, by the fold itself."""
    await connection.execute("delete from telnyx.ten_dlc_events")
    for table in ("ten_dlc_aliases", "brands", "campaigns", "campaign_transitions", "campaign_numbers"):
        await connection.execute(f"delete from telnyx.{table}")
    for first in range(0, count, CHUNK):
        await connection.execute(LOAD, first, first + CHUNK - 1)
    await connection.execute("vacuum analyze")
    for first in range(0, count, CHUNK):
        campaigns = [f"campaign-{number}" for number in range(first, first + CHUNK)]
        brands = [f"brand-{number}" for number in range(first // 10, (first + CHUNK) // 10)]
        await refold(connection, [tuple(row) for row in await connection.fetch(TOUCHED, campaigns, brands)])
    await connection.execute("vacuum analyze")


def ten_dlc(count: int, campaigns: int, seed: int) -> list[Signed]:
    """Events about campaigns spread over all that are stored; one in four is of a number, one brings a new link."""
    found = []
    for number in range(count):
        campaign = (seed * 7919 + number * (campaigns // count)) % campaigns
        at = builders.NOON + timedelta(seconds=seed, milliseconds=number)
        tcr_id = f"C{campaign:08}"
        said = (
            {"campaignId": f"campaign-{campaign}", "type": "MNO_REVIEW", "status": "REJECTED", "reasons": ["why"]},
            {"campaignId": tcr_id, "type": "VERIFIED", "brandId": f"brand-{campaign // 10}"},
            {"campaignId": f"campaign-{campaign}", "tcrCampaignId": tcr_id, "type": "STATUS_UPDATE", "status": "ADDED"}
            | {"phoneNumber": f"+1312{campaign:07}"},
            {"campaignId": f"campaign-{campaign}", "tcrCampaignId": f"CX{seed:03}{number:04}", "type": "TCR_EVENT"},
        )[number % 4]
        body = builders.encode(builders.event("10dlc.campaign.update", said, at=at))
        found.append(Signed(body, builders.sign(body, "1772366400"), "1772366400"))
    return found


def batch(items: Sequence[Signed]) -> list[Incoming]:
    return [as_read(event, delivery) for event, delivery in deliveries(items)]


async def seconds(projector: Projector, batches: Sequence[list[Incoming]]) -> float:
    """The median of a batch, after three that warm up."""
    taken = []
    for one in batches:
        gc.collect()
        began = time.perf_counter()
        await projector.apply(one)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken[3:])


async def measure(url: str) -> None:
    await migrate(url, lambda _: None)
    connection = await asyncpg.connect(url, command_timeout=600)
    ring = KeyRing(parse_keys([builders.public_key_setting()]))
    costs = {}
    for stored in STORED:
        began = time.perf_counter()
        await load(connection, stored)
        sys.stdout.write(f"{stored:,} campaigns loaded and folded in {time.perf_counter() - began:.1f} s\n")
        projector = Projector(url, keys=ring, verify=False, owner="benchmark", projections=PROJECTIONS)
        plain = [batch(traffic(MESSAGES + TEN_DLC, f"{stored}-plain-{number}")) for number in range(ROUNDS)]
        mixed = [
            batch([*traffic(MESSAGES, f"{stored}-{number}"), *ten_dlc(TEN_DLC, stored, number)])
            for number in range(ROUNDS)
        ]
        only = [batch(ten_dlc(500, stored, ROUNDS + number)) for number in range(ROUNDS)]
        costs[stored] = [await seconds(projector, batches) for batches in (plain, mixed, only)]
        await projector.close()
        shown = ", ".join(f"{name} {cost * 1000:.1f} ms" for name, cost in zip(NAMES, costs[stored], strict=True))
        sys.stdout.write(f"{stored:,} campaigns: {shown}\n")
    few, many = (costs[stored] for stored in STORED)
    ratios = ", ".join(f"{name} {b / a:.2f}" for name, a, b in zip(NAMES, few, many, strict=True))
    sys.stdout.write(f"{STORED[1]:,} by {STORED[0]:,}: {ratios}\n")
    await connection.close()


NAMES = ("500 messages", "400 messages and 100 of 10DLC", "500 of 10DLC")


def main() -> None:
    """Loads, measures and prints."""
    with tempfile.TemporaryDirectory(prefix="ledger-bench-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        directory.chmod(0o755)
        postgres = EmbeddedPostgres(directory / "data", report=lambda _: None)
        try:
            asyncio.run(measure(postgres.start()))
        finally:
            postgres.stop()


if __name__ == "__main__":
    main()
