"""The views of campaigns and numbers, clause by clause: assignments, the last day, unregistered traffic."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from tests.support.sql.rows import HOUR, LONG_CODE, MINUTE, NOON, fetch_tuples, insert, insert_delivery

TCR = "CAAA111"


async def campaign(connection: asyncpg.Connection, campaign_id: str = "k", **values: Any) -> None:
    row = {"campaign_id": campaign_id, "account": "a", "tcr_campaign_id": TCR, "last_event_key": uuid.uuid4(), **values}
    await insert(connection, "telnyx.campaigns", row)


async def assigned(connection: asyncpg.Connection, campaign_id: str, status: str, **values: Any) -> None:
    row = {
        "phone_number": LONG_CODE, "campaign_id": campaign_id, "account": "a", "status": status, "status_at": NOON,
        "last_event_key": uuid.uuid4(), **values,
    }  # fmt: skip
    await insert(connection, "telnyx.campaign_numbers", row)


async def test_a_campaign_and_its_last_day(connection: asyncpg.Connection) -> None:
    await campaign(connection, status="MNO_PROVISIONED", status_at=NOON, reason="well")
    await campaign(connection, "idle", tcr_campaign_id=None)
    statuses = ["ASSIGNED", "FAILED_UNASSIGNMENT", "PENDING", "UNASSIGNED", "FAILED_ASSIGNMENT", "FAILED"]
    for number, status in enumerate(statuses):
        await assigned(connection, "k", status, phone_number=f"+1{number}")
    now = datetime.now(UTC)
    fresh, late = now - 24 * HOUR + MINUTE, now - 24 * HOUR - MINUTE
    sent: dict[str, dict[str, Any]] = {
        "delivered": {"status": "read"},
        "expired": {"status": "expired", "error_codes": ["40008"]},
        "spam 2": {"status": "delivery_failed", "error_codes": ["40002", "40003"]},
        "spam 15": {"status": "delivery_failed", "error_codes": ["1", "40015"]},
        "spam 17": {"status": "sent", "error_codes": ["40017"]},
        "late": {"sent_at": late, "first_event_at": fresh},
        "other": {"tcr_campaign_id": "CBBB222"},
        "none": {"tcr_campaign_id": None},
        "heard of": {"sent_at": None, "first_event_at": fresh},
        "other account": {"account": "b"},
    }
    for name, values in sent.items():
        await insert_delivery(connection, name, **{"sent_at": fresh, "tcr_campaign_id": TCR, **values})
    assert await fetch_tuples(connection, "select * from telnyx.campaign_health order by campaign_id desc") == [
        ("k", TCR, "a", "MNO_PROVISIONED", NOON, "well", 2, 7, 3, 3, 3),
        ("idle", None, "a", None, None, None, 0, 0, 0, 0, 0),
    ]


@pytest.mark.parametrize(
    ("sender", "is_listed"),
    [
        *((LONG_CODE, True), ("+17875550100", True), ("+13405550100", True), ("+16715550100", True)),
        *(("+18885550100", False), ("+14165550100", False), ("+18765550100", False), ("+12425550100", False)),
        *(("+442071234567", False), ("12345", False), ("ACME", False), (None, False), ("+141555501001", False)),
    ],
)
async def test_only_long_codes_of_the_united_states_must_be_registered(
    connection: asyncpg.Connection, sender: str | None, is_listed: bool
) -> None:
    await insert_delivery(connection, "m", sender=sender)
    rows = await fetch_tuples(connection, "select sender from telnyx.unregistered_traffic")
    assert rows == ([(sender,)] if is_listed else [])


@pytest.mark.parametrize("status", ["ASSIGNED", "FAILED_UNASSIGNMENT", "PENDING", "UNASSIGNED", "FAILED"])
@pytest.mark.parametrize("stands", ["MNO_PROVISIONED", "MNO_ACCEPTED", None])
async def test_a_number_is_registered_by_an_assignment_to_a_provisioned_campaign(
    connection: asyncpg.Connection, status: str, stands: str | None
) -> None:
    is_assigned = status in {"ASSIGNED", "FAILED_UNASSIGNMENT"}
    await campaign(connection, status=stands)
    await assigned(connection, "k", status)
    await insert_delivery(connection, "m")
    rows = await fetch_tuples(
        connection, "select campaign_id, campaign_status, assigned_at from telnyx.unregistered_traffic"
    )
    if is_assigned and stands == "MNO_PROVISIONED":
        assert rows == []
    else:
        assert rows == [("k", stands, NOON) if is_assigned else (None, None, None)]


async def test_unregistered_traffic_of_a_day_and_the_newest_assignment(connection: asyncpg.Connection) -> None:
    await campaign(connection, "older", status="MNO_PROVISIONED")
    await assigned(connection, "older", "UNASSIGNED", status_at=NOON + 9 * HOUR)
    await campaign(connection, "newer", status="MNO_REJECTED")
    await assigned(connection, "newer", "ASSIGNED", status_at=NOON + HOUR)
    await assigned(connection, "unheard of", "ASSIGNED", status_at=NOON)
    await insert_delivery(connection, "m1", sent_at=NOON + MINUTE)
    await insert_delivery(connection, "m1", recipient="+1", sent_at=NOON + HOUR)
    await insert_delivery(connection, "m2", sent_at=None, first_event_at=NOON)
    await insert_delivery(connection, "m3", sent_at=NOON - timedelta(days=1))
    await insert_delivery(connection, "m4", account="b")
    day, newest = NOON.date(), ("newer", "MNO_REJECTED", NOON + HOUR)
    assert await fetch_tuples(connection, "select * from telnyx.unregistered_traffic order by account, day") == [
        ("a", LONG_CODE, day - timedelta(days=1), 1, NOON - timedelta(days=1), NOON - timedelta(days=1), *newest),
        ("a", LONG_CODE, day, 3, NOON + MINUTE, NOON + HOUR, *newest),
        ("b", LONG_CODE, day, 1, NOON, NOON, *newest),
    ]
