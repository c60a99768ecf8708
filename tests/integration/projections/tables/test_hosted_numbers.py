"""Hosted numbers: every column of an order and of its numbers, and the meaning of each word and time."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.projections.resource_tables import Ledger, key_of, minutes
from tests.support.webhooks import builders
from tests.support.webhooks.builders import NOON, Json, hosted_order


async def order_after(ledger: Ledger, *webhooks: Json) -> dict[str, Any]:
    await ledger.apply(*webhooks)
    return await ledger.row("hosted_number_orders")


async def test_each_column_of_an_order_has_its_latest_value(ledger: Ledger) -> None:
    created = hosted_order("created", profile_id="p1", order_status="Pending", decision="pending", at=minutes(0))
    asked = hosted_order("internal_transfer_approval_requested", approval_deadline=1772625600, at=minutes(1))
    approved = hosted_order("internal_transfer_approved", approval_decision=" APPROVED ", at=minutes(2))
    done = hosted_order("updated", order_status="successful", profile_id=None, decision="", at=minutes(3))
    row = await order_after(ledger, created, asked, approved, done)
    contract = {name: value for name, value in row.items() if not name.endswith("event_key")}
    assert contract == {
        "order_id": "order-1", "account": "a", "messaging_profile_id": "p1", "status": "successful",
        "status_at": minutes(3), "decision": "approved", "approval_deadline": datetime(2026, 3, 4, 12, tzinfo=UTC),
        "last_event_at": minutes(3), "profile_at": minutes(0), "decision_at": minutes(2), "deadline_at": minutes(1),
    }  # fmt: skip
    keys = {name: str(value) for name, value in row.items() if name.endswith("event_key")}
    assert keys == {
        "last_event_key": key_of(done),
        "profile_event_key": key_of(created),
        "status_event_key": key_of(done),
        "decision_event_key": key_of(approved),
        "deadline_event_key": key_of(asked),
    }


@pytest.mark.parametrize(
    ("kind", "said", "status"),
    [
        ("deleted", {}, "deleted"),
        ("deleted", {"order_status": " "}, "deleted"),
        ("deleted", {"order_status": "Failed"}, "failed"),
        ("undeleted", {}, None),
        ("transfer.deleted", {"order_status": None}, "deleted"),
        ("deleted.again", {}, None),
        ("updated", {"order_status": 7}, None),
    ],
)
async def test_the_status_of_an_order(ledger: Ledger, kind: str, said: Json, status: str | None) -> None:
    row = await order_after(ledger, hosted_order(kind, **said))
    assert (row["status"], row["status_at"]) == (status, NOON if status else None)


@pytest.mark.parametrize(
    ("said", "decision"),
    [
        ({"decision": "Rejected", "approval_decision": "approved"}, "rejected"),
        ({"decision": None, "approval_decision": "Approved"}, "approved"),
        ({"decision": ["approved"]}, None),
    ],
)
async def test_the_decision_of_an_order(ledger: Ledger, said: Json, decision: str | None) -> None:
    assert (await order_after(ledger, hosted_order(**said)))["decision"] == decision


@pytest.mark.parametrize(
    ("written", "deadline"),
    [
        ("1772625600", datetime(2026, 3, 4, 12, tzinfo=UTC)),
        ('"1772625600"', datetime(2026, 3, 4, 12, tzinfo=UTC)),
        ('" 999999999 "', datetime(2001, 9, 9, 1, 46, 39, tzinfo=UTC)),
        ("1772625600.9999999", datetime(2026, 3, 4, 12, 0, 0, 999999, tzinfo=UTC)),
        ("1.7726256e9", datetime(2026, 3, 4, 12, tzinfo=UTC)),
        ("0", datetime(1970, 1, 1, tzinfo=UTC)),
        ('"2026-03-04T12:00:00+02:00"', datetime(2026, 3, 4, 10, tzinfo=UTC)),
        ('"2026-03-04 12:00"', datetime(2026, 3, 4, 12, tzinfo=UTC)),
        ("7258118399", datetime(2199, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("7258118400", None),
        ('"7258118400"', None),
        ('"17726256"', None),
        ('"17726256000"', None),
        ('"\u0661\u0667\u0667\u0662\u0666\u0662\u0665\u0666\u0660\u0660"', None),
        ("1772625600000", None),
        ("1e308", None),
        ("1e-400", datetime(1970, 1, 1, tzinfo=UTC)),
        ("1e-99999999999999999999", None),
        ("-1", None),
        ("true", None),
        ("null", None),
        ('"soon"', None),
        ("[1772625600]", None),
    ],
)
async def test_the_approval_deadline(ledger: Ledger, written: str, deadline: datetime | None) -> None:
    body = builders.encode(hosted_order(approval_deadline="WHEN")).replace(b'"WHEN"', written.encode())
    await ledger.apply(body)
    row = await ledger.row("hosted_number_orders")
    assert (row["approval_deadline"], row["deadline_at"]) == (deadline, NOON if deadline else None)


async def test_each_number_with_a_status_is_a_row_of_its_order(ledger: Ledger) -> None:
    numbers: list[Any] = [
        {"value": "1 (312) 555-0001", "status": "Pending"}, {"value": 13125550002, "status": "failed_timeout"},
        {"value": "+13125550001", "status": "later in the same event"}, {"value": "+13125550003"},
        {"status": "pending"}, {"value": "+13125550004", "status": 7}, "+13125550005", None,
    ]  # fmt: skip
    webhook = hosted_order("created", numbers=numbers)
    await ledger.apply(webhook)
    rows = await ledger.rows("hosted_numbers")
    assert [(row["phone_number"], row["status"]) for row in rows] == [
        ("+13125550001", "pending"),
        ("+13125550002", "failed_timeout"),
    ]
    assert {(row["order_id"], row["account"], row["status_at"], str(row["last_event_key"])) for row in rows} == {
        ("order-1", "a", NOON, key_of(webhook))
    }


async def test_numbers_without_an_order_are_kept_and_make_no_order(ledger: Ledger) -> None:
    alone = {"value": "+13125550001", "status": "pending"}
    await ledger.apply(hosted_order("created", None, order_status="pending", numbers=alone))
    assert [row["order_id"] for row in await ledger.rows("hosted_numbers")] == [""]
    assert await ledger.rows("hosted_number_orders") == []
