"""10DLC rows depend only on the set of events, for any order and batching, late links, and equal times."""

import random
from collections.abc import Iterable, Sequence
from itertools import permutations
from typing import Any

import asyncpg
import pytest

from projections.engine.projector import Projector
from tests.support.projections.signed_records import bodies
from tests.support.projections.ten_dlc import (
    BRAND,
    KEYS,
    NUMBER,
    OTHER,
    TCR,
    TCR2,
    TCR_BRAND,
    TELNYX,
    Tables,
    clear,
    onboarding,
    rows,
    tables,
    webhook,
)
from tests.support.webhooks.builders import Json


async def applied_in(projector: Projector, connection: asyncpg.Connection, batches: Iterable[Sequence[Json]]) -> Tables:
    """The tables after these batches, starting empty."""
    await clear(connection)
    for batch in batches:
        await projector.apply(bodies(*batch))
    return await tables(connection)


async def test_a_late_link_gives_equal_rows_in_any_order(projector: Projector, connection: asyncpg.Connection) -> None:
    stream = onboarding()
    expected = await applied_in(projector, connection, [stream])
    assert [row["campaign_id"] for row in expected["campaigns"]] == [TELNYX]
    assert [row["brand_id"] for row in expected["campaigns"]] == [BRAND]
    assert [(row["campaign_id"], row["status"]) for row in expected["campaign_numbers"]] == [(TELNYX, "ASSIGNED")]
    for order in random.Random(4).sample(list(permutations(stream)), 60):
        assert await applied_in(projector, connection, [[one] for one in order]) == expected
        assert await applied_in(projector, connection, [order[:3], order[3:], order]) == expected


async def test_equal_times_are_ordered_by_event_key(projector: Projector, connection: asyncpg.Connection) -> None:
    stream = [
        webhook(0, campaignId=TELNYX, campaignStatus=one) for one in ("TCR_PENDING", "MNO_PENDING", "TCR_EXPIRED")
    ]
    expected = await applied_in(projector, connection, [stream])
    keys = [row["event_key"].bytes for row in expected["campaign_transitions"]]
    assert keys == sorted(keys)
    assert len(keys) == 3
    for order in permutations(stream):
        assert await applied_in(projector, connection, [[one] for one in order]) == expected


async def test_a_repeated_batch_writes_no_row(projector: Projector, connection: asyncpg.Connection) -> None:
    await projector.apply(bodies(*onboarding()))
    versions = [f"select '{table}', ctid::text, xmin::text from telnyx.{table}" for table in KEYS]
    before = await rows(connection, " union all ".join(versions))
    await projector.apply(bodies(*reversed(onboarding())))
    assert await rows(connection, " union all ".join(versions)) == before


def scrambled(seed: int) -> list[Json]:
    """Webhooks that share few ids, so most of them change the entity of others. Many have the same time."""
    pick = random.Random(seed)

    def choose(*values: Any) -> Any:
        return pick.choice(values)

    kinds = ("VERIFIED", "TELNYX_REVIEW", "MNO_REVIEW", "TCR_EVENT", "TELNYX_EVENT", "ASSIGNMENT", "REVET", None)
    words = (
        "CAMPAIGN_NUDGE", "MNO_CAMPAIGN_OPERATION_UNSUSPENDED", "MNO_CAMPAIGN_OPERATION_SUSPENDED", "BRAND_ADD", None,
    )  # fmt: skip
    found = []
    for _ in range(pick.randint(2, 14)):
        payload = {
            "campaignId": choose(TELNYX, OTHER, "third", TCR, TCR2, None),
            "tcrCampaignId": choose(TCR, TCR2, "C000000", None, None, None),
            "brandId": choose(BRAND, "brand-2", TCR_BRAND, None, None),
            "tcrBrandId": choose(TCR_BRAND, "B000000", None, None),
            "phoneNumber": choose(NUMBER, "+13125550002", None, None, None),
            "type": choose(*kinds),
            "eventType": choose(*words),
            "status": choose("ACCEPTED", "rejected", "success", "FAILED", "DORMANT", "ADDED", "DELETED", None),
            "campaignStatus": choose("MNO_PENDING", "TCR_SUSPENDED", "TCR_ACCEPTED", None, None, None, None),
            "description": choose(f"{TCR} approved", f"Campaign {TCR2} seen", "C000000", "because", None),
            "reasons": choose(["one"], [{"fields": ["a"], "description": "b"}], None),
        }
        found.append(webhook(choose(0, 0, 1, 2), **payload))
    return found


@pytest.mark.parametrize("part", range(4))
async def test_step_by_step_and_all_at_once_give_the_same_rows(
    projector: Projector, connection: asyncpg.Connection, part: int
) -> None:
    """Refolding the touched entities is enough: the rows equal those of a fold of all facts together."""
    for seed in range(part * 40, part * 40 + 40):
        stream = scrambled(seed)
        expected = await applied_in(projector, connection, [stream])
        order = random.Random(-seed).sample(stream, len(stream))
        assert await applied_in(projector, connection, [[one] for one in order]) == expected, seed
        half = len(order) // 2
        assert await applied_in(projector, connection, [order[half:], order[:half]]) == expected, seed
