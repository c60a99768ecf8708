"""Each 10DLC entity has one row in Postgres, for any ids that a webhook uses and any order of arrival."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from projections.engine.projector import Projector
from projections.engine.table import Row
from projections.tables.ten_dlc import refold
from tests.support.projections.signed_records import bodies, incoming
from tests.support.projections.ten_dlc import (
    BRAND,
    KEYS,
    NUMBER,
    OTHER,
    TCR,
    TCR2,
    TCR_BRAND,
    TELNYX,
    onboarding,
    rows,
    tables,
    webhook,
)
from tests.support.webhooks import builders
from tests.support.webhooks.builders import NOON

ALIASES = "select alias, id from telnyx.ten_dlc_aliases order by alias"


async def test_a_campaign_from_registration_to_numbers(projector: Projector, connection: asyncpg.Connection) -> None:
    reasons = [{"fields": ["sample1"], "description": "names no opt-out"}]
    await projector.apply(
        bodies(
            webhook(0, brandId=BRAND, tcrBrandId=TCR_BRAND, brandName="ACME", type="TCR", eventType="BRAND_ADD"),
            webhook(1, campaignId=TELNYX, type="TCR_EVENT", eventType="CAMPAIGN_ADD", description="added"),
            webhook(2, campaignId=TELNYX, type="TELNYX_REVIEW", status="REJECTED", reasons=reasons),
            webhook(3, campaignId=TCR, type="CAMPAIGN_NUDGE", nudgeIntent="APPEAL_REJECTION", cspId="TNX"),
            webhook(4, campaignId=TELNYX, type="TELNYX_REVIEW", status="ACCEPTED", description=f"{TCR} approved"),
            webhook(5, campaignId=TCR, brandId=TCR_BRAND, type="VERIFIED", isTMobileRegistered=True),
            webhook(6, campaignId=TELNYX, phoneNumber=NUMBER, type="ASSIGNMENT", status="success", reasons=[]),
            webhook(7, campaignId=TELNYX, brandId=BRAND, type="NUMBER_POOL_PROVISIONED"),
        )
    )
    brand = "select brand_id, tcr_brand_id, name, registration_status from telnyx.brands"
    assert await rows(connection, brand) == [(BRAND, TCR_BRAND, "ACME", "OK")]
    [campaign] = await connection.fetch("select * from telnyx.campaigns")
    latest = "select event_key from telnyx.ten_dlc_events order by occurred_at desc limit 1"
    last_event_key = await connection.fetchval(latest)
    assert dict(campaign) == {
        "campaign_id": TELNYX, "account": "default", "tcr_campaign_id": TCR, "brand_id": BRAND, "csp_id": "TNX",
        "status": "MNO_PROVISIONED", "previous_status": "MNO_PENDING", "status_at": NOON + timedelta(minutes=5),
        "reason": None, "is_t_mobile_registered": True, "number_pool_provisioned": True,
        "last_event_key": last_event_key,
    }  # fmt: skip
    path = "select seq, from_status, to_status, is_documented, reason from telnyx.campaign_transitions order by seq"
    assert await rows(connection, path) == [
        (1, None, "TCR_ACCEPTED", True, "added"),
        (2, "TCR_ACCEPTED", "TELNYX_FAILED", True, "sample1: names no opt-out"),
        (3, "TELNYX_FAILED", "TCR_ACCEPTED", True, None),
        (4, "TCR_ACCEPTED", "MNO_PENDING", True, f"{TCR} approved"),
        (5, "MNO_PENDING", "MNO_PROVISIONED", True, None),
    ]
    number = "select phone_number, campaign_id, tcr_campaign_id, status, reasons::text from telnyx.campaign_numbers"
    assert await rows(connection, number) == [(NUMBER, TELNYX, TCR, "ASSIGNED", "[]")]
    aliases = "select entity, alias, id from telnyx.ten_dlc_aliases order by entity"
    assert await rows(connection, aliases) == [("brand", TCR_BRAND, BRAND), ("campaign", TCR, TELNYX)]


async def test_without_a_link_each_id_is_an_entity(projector: Projector, connection: asyncpg.Connection) -> None:
    numbers = "select campaign_id, tcr_campaign_id from telnyx.campaign_numbers"
    await projector.apply(bodies(*onboarding()[:3]))
    known = "select campaign_id, tcr_campaign_id, brand_id, status from telnyx.campaigns order by 1"
    unlinked = [(TELNYX, None, None, "TCR_SUSPENDED"), (TCR, TCR, TCR_BRAND, "MNO_PROVISIONED")]
    assert await rows(connection, known) == unlinked
    assert await rows(connection, numbers) == [(TCR, TCR)]
    link = webhook(-60, brandId="b", campaignId=TELNYX, type="TCR_EVENT", description=f"Campaign {TCR}")
    await projector.apply(bodies(link))
    assert await rows(connection, known) == [(TELNYX, TCR, TCR_BRAND, "TCR_SUSPENDED")]
    path = "select campaign_id, seq, to_status from telnyx.campaign_transitions order by seq"
    assert await rows(connection, path) == [(TELNYX, 1, "MNO_PROVISIONED"), (TELNYX, 2, "TCR_SUSPENDED")]
    assert await rows(connection, numbers) == [(TELNYX, TCR)]


async def test_the_latest_link_never_joins_two_telnyx_ids(projector: Projector, connection: asyncpg.Connection) -> None:
    """Each batch changes the entity that TCR stands for. The rows follow, with the numbers known under that id."""
    known = "select campaign_id, tcr_campaign_id, status from telnyx.campaigns order by campaign_id"
    numbers = "select campaign_id, tcr_campaign_id from telnyx.campaign_numbers order by campaign_id"
    await projector.apply(
        bodies(
            webhook(9, campaignId=TELNYX, type="TELNYX_REVIEW", status="ACCEPTED", description=f"{TCR} approved"),
            webhook(10, campaignId=TCR, type="VERIFIED"),
            webhook(10, campaignId=TCR, phoneNumber=NUMBER, status="ADDED"),
            webhook(0, campaignId=OTHER, type="TCR_EVENT", eventType="CAMPAIGN_ADD"),
        )
    )
    assert await rows(connection, known) == [(OTHER, None, "TCR_ACCEPTED"), (TELNYX, TCR, "MNO_PROVISIONED")]
    assert await rows(connection, numbers) == [(TELNYX, TCR)]
    # an id in a field takes precedence over a later one in a description
    await projector.apply(bodies(webhook(1, campaignId=OTHER, tcrCampaignId=TCR, phoneNumber="+13125550002")))
    assert await rows(connection, known) == [(OTHER, TCR, "MNO_PROVISIONED"), (TELNYX, TCR, "MNO_PENDING")]
    assert await rows(connection, numbers) == [(OTHER, TCR)]
    assert await rows(connection, ALIASES) == [(TCR, OTHER)]
    # the other side of a link has a latest one too: TELNYX shows TCR2, which stands for it
    await projector.apply(bodies(webhook(2, campaignId=TELNYX, tcrCampaignId=TCR2)))
    assert await rows(connection, known) == [(OTHER, TCR, "MNO_PROVISIONED"), (TELNYX, TCR2, "MNO_PENDING")]
    # TCR goes back to TELNYX, which still shows the id of its latest link
    await projector.apply(bodies(webhook(1.5, campaignId=TELNYX, tcrCampaignId=TCR)))
    assert await rows(connection, known) == [(OTHER, TCR, "TCR_ACCEPTED"), (TELNYX, TCR2, "MNO_PROVISIONED")]
    assert await rows(connection, numbers) == [(TELNYX, TCR2)]
    assert await rows(connection, ALIASES) == [(TCR2, TELNYX), (TCR, TELNYX)]


async def test_a_brand_shows_the_id_of_its_latest_link_although_the_id_stands_for_another_brand(
    projector: Projector, connection: asyncpg.Connection
) -> None:
    await projector.apply(
        bodies(
            webhook(0, brandId=BRAND, tcrBrandId=TCR_BRAND, type="BRAND_ADD"),
            webhook(9, brandId="brand-2", tcrBrandId="B000000", type="BRAND_ADD"),
        )
    )
    await projector.apply(bodies(webhook(5, campaignId=TELNYX, brandId=BRAND, tcrBrandId="B000000", type="VERIFIED")))
    brands = "select brand_id, tcr_brand_id from telnyx.brands order by 1"
    assert await rows(connection, brands) == [(BRAND, "B000000"), ("brand-2", "B000000")]
    assert await rows(connection, ALIASES) == [("B000000", "brand-2"), (TCR_BRAND, BRAND)]


async def test_a_new_tcr_id_appears_on_every_number(projector: Projector, connection: asyncpg.Connection) -> None:
    phones = [f"+1312555{number:04}" for number in range(20)]
    await projector.apply(bodies(*(webhook(0, campaignId=TELNYX, phoneNumber=one, status="ADDED") for one in phones)))
    shown = "select distinct tcr_campaign_id from telnyx.campaign_numbers"
    for minute, tcr_id in enumerate((TCR, TCR2, TCR, "C000000")):
        await projector.apply(bodies(webhook(minute, campaignId=TELNYX, tcrCampaignId=tcr_id, phoneNumber=phones[7])))
        assert await rows(connection, shown) == [(tcr_id,)]
    assert await rows(connection, "select count(*) from telnyx.campaigns") == [(0,)]
    assert await rows(connection, "select count(*) from telnyx.campaign_numbers") == [(20,)]


async def test_a_late_event_renumbers_the_transitions(projector: Projector, connection: asyncpg.Connection) -> None:
    path = "select seq, from_status, to_status from telnyx.campaign_transitions order by seq"
    nudge, rejected = ({"type": "CAMPAIGN_NUDGE"}, {"type": "MNO_REVIEW", "status": "REJECTED"})
    await projector.apply(bodies(webhook(1, campaignId=TELNYX, **rejected), webhook(9, campaignId=TELNYX, **nudge)))
    assert await rows(connection, path) == [(1, None, "MNO_REJECTED"), (2, "MNO_REJECTED", "TCR_ACCEPTED")]
    await projector.apply(bodies(webhook(5, campaignId=TELNYX, type="VERIFIED")))
    assert await rows(connection, path) == [(1, None, "MNO_REJECTED"), (2, "MNO_REJECTED", "MNO_PROVISIONED")]
    await projector.apply(bodies(webhook(0, campaignId=TELNYX, campaignStatus="mno_rejected")))
    assert await rows(connection, path) == [(1, None, "MNO_REJECTED"), (2, "MNO_REJECTED", "MNO_PROVISIONED")]


async def test_only_transitions_that_changed_are_sent(
    projector: Projector, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A campaign may have thousands of them, and a new fact is mostly the latest."""
    sent: list[int] = []
    write = refold._write

    async def counted(connection: asyncpg.Connection, query: str, rows: Sequence[Row]) -> None:
        if query == "write_transitions" and rows:
            sent.append(len(rows))
        await write(connection, query, rows)

    monkeypatch.setattr(refold, "_write", counted)
    statuses = ["TCR_PENDING", "TCR_FAILED"]
    facts = [webhook(nth, campaignId=TELNYX, campaignStatus=statuses[nth % 2]) for nth in range(40)]
    await projector.apply(bodies(*facts[:30]))
    for fact in facts[30:]:
        await projector.apply(bodies(fact))
    await projector.apply(bodies(*facts))
    assert sent == [30, *[1] * 10]
    await projector.apply(bodies(webhook(35.5, campaignId=TELNYX, campaignStatus="MNO_REJECTED")))
    assert sent[-1] == 5  # from 35.5 to 39
    assert await rows(connection, "select count(*) from telnyx.campaign_transitions") == [(41,)]


async def test_the_account_is_that_of_the_latest_fact(projector: Projector, connection: asyncpg.Connection) -> None:
    def of(account: str, minute: int, **payload: Any) -> Any:
        return incoming(builders.encode(webhook(minute, **payload)), account=account)

    for things in ({"brandId": BRAND}, {"campaignId": TELNYX}, {"campaignId": TELNYX, "phoneNumber": NUMBER}):
        await projector.apply([of("other", 2, status="ADDED", **things), of("default", 1, status="ADDED", **things)])
    for table in ("brands", "campaigns", "campaign_numbers"):
        assert await rows(connection, f"select account from telnyx.{table}") == [("other",)]


async def test_malformed_values_leave_no_dead_letter(projector: Projector, connection: asyncpg.Connection) -> None:
    deep: Any = {"a\u0000b": "\u0000"}
    for _ in range(240):
        deep = [deep]
    reasons = [
        deep, "\u0000", {"\u0000": {"\u0000": ["\u0000"]}, "description": "x\u0000", "fields": ["\u0000", 1]}, 1e308,
        -0.0, 2**70, True,
    ]  # fmt: skip
    long = "\U0001f600" * 255
    stream = [
        {"campaignId": "h\u0000", "reasons": reasons, "description": "\u0000", "type": "\u0000", "status": "\u0000"},
        {"campaignId": long, "phoneNumber": long, "tcrCampaignId": "C000000", "status": "ADDED", "reasons": deep},
        {"campaignId": long, "tcrCampaignId": long, "brandId": long, "tcrBrandId": long, "reasons": "r" * 100_000},
        {"brandId": long, "tcrBrandId": "B000000", "brandName": "n" * 100_000, "identityStatus": "\u00df\u0000"},
        {"campaignId": {"a": 1}, "tcrCampaignId": [], "brandId": 10**18, "type": ["REGISTRATION"], "reasons": {}},
        {"campaignId": "null", "campaignStatus": {"x": "y"}, "isTMobileRegistered": "yes", "cspId": 1.5, "reasons": 0},
        {"phoneNumber": 13125550001, "campaignId": -7, "status": "FAILED", "reasons": [None, [], {}]},
        {"phoneNumber": NUMBER, "status": "ADDED"},
        {},
    ]
    await projector.apply(bodies(*(webhook(number, **payload) for number, payload in enumerate(stream))))
    assert await rows(connection, "select count(*) from telnyx.dead_letters") == [(0,)]
    assert await rows(connection, "select count(*) from telnyx.events") == [(len(stream),)]
    assert await rows(connection, "select count(*) from telnyx.ten_dlc_events") == [(len(stream) - 1,)]
    stored = "select reasons::text from telnyx.ten_dlc_events where campaign_id = $1"
    assert "\ufffd" in await connection.fetchval(stored, "h\ufffd")
    numbers = "select campaign_id, tcr_campaign_id from telnyx.campaign_numbers order by 1"
    assert await rows(connection, numbers) == [("-7", None), (long, "C000000")]


async def test_numbers_in_reasons_keep_every_digit(projector: Projector, connection: asyncpg.Connection) -> None:
    body = builders.encode(webhook(0, campaignId=TELNYX, phoneNumber=NUMBER, status="FAILED", reasons="HERE"))
    await projector.apply([incoming(body.replace(b'"HERE"', b'[{"score": 1.10000000000000000000001}]'))])
    for table in ("ten_dlc_events", "campaign_numbers"):
        found = await rows(connection, f"select reasons::text from telnyx.{table}")
        assert found == [('[{"score": 1.10000000000000000000001}]',)]


async def test_an_empty_payload_gives_no_fact(projector: Projector, connection: asyncpg.Connection) -> None:
    await projector.apply(bodies(webhook(0, type="VERIFIED"), builders.event("brand.created", [])))
    assert [len(found) for found in (await tables(connection)).values()] == [0] * len(KEYS)


async def test_a_repeated_batch_writes_no_row(projector: Projector, connection: asyncpg.Connection) -> None:
    await projector.apply(bodies(*onboarding()))
    versions = [f"select '{table}', ctid::text, xmin::text from telnyx.{table}" for table in KEYS]
    before = await rows(connection, " union all ".join(versions))
    await projector.apply(bodies(*reversed(onboarding())))
    assert await rows(connection, " union all ".join(versions)) == before
