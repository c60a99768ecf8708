"""Spend limits, hosted numbers, toll-free verifications and link clicks: every column, in every order of arrival."""

import itertools
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from projections.projector import Projector
from projections.work import Incoming
from schemas.event import Event, read
from schemas.record import Delivery, event_record
from schemas.signing import KeyRing, parse_keys
from schemas.topics import Topics
from tests import builders
from tests.builders import NOON, Json, hosted_order, link_clicked, spend_limit_reached, toll_free_update
from tests.hostile import HOSTILE, written

KEYS = {"a": builders.KEY, "b": builders.OTHER_KEY}
RING = KeyRing(parse_keys(builders.public_key_setting(key, account) for account, key in KEYS.items()))
TABLES = ("spend_limit_events", "hosted_number_orders", "hosted_numbers", "toll_free_verifications", "link_clicks")

Rows = list[dict[str, Any]]


def minutes(count: int) -> datetime:
    return NOON + timedelta(minutes=count)


def key_of(webhook: Json) -> str:
    found = read(builders.encode(webhook))
    assert isinstance(found, Event)
    return found.key


def incoming(body: bytes, account: str) -> Incoming:
    found = read(body)
    assert isinstance(found, Event)
    key = KEYS[account]
    delivery = Delivery(body, builders.sign(body, 1772366400, key), "1772366400", builders.key_id(key), account, NOON)
    record = event_record(Topics(), found, delivery)
    return Incoming(record.value, record.headers, NOON)


class Ledger:
    """A projector, and what its tables hold after a batch or many."""

    def __init__(self, projector: Projector, administrator: asyncpg.Connection) -> None:
        self._projector = projector
        self._administrator = administrator

    async def clear(self) -> None:
        await self._administrator.execute(" ".join(f"delete from telnyx.{table};" for table in (*TABLES, "events")))

    async def apply(self, *webhooks: Json | bytes, account: str = "a") -> None:
        bodies = (item if isinstance(item, bytes) else builders.encode(item) for item in webhooks)
        await self._projector.apply([incoming(body, account) for body in bodies])

    async def rows(self, table: str) -> Rows:
        return [dict(row) for row in await self._administrator.fetch(f"select * from telnyx.{table} order by 1, 2")]

    async def row(self, table: str) -> dict[str, Any]:
        [row] = await self.rows(table)
        return row

    async def everything(self) -> dict[str, Rows]:
        return {table: await self.rows(table) for table in TABLES}


@pytest.fixture
async def ledger(database_url: str, connection: asyncpg.Connection) -> AsyncIterator[Ledger]:
    await connection.execute(
        "create or replace function telnyx.refuse_change() returns trigger language plpgsql as 'begin return old; end'"
    )
    projector = Projector(database_url, keys=RING, verify=True, owner="accounts")
    yield Ledger(projector, connection)
    await projector.close()


# --- spend limits ----------------------------------------------------------------------------------------------------


async def test_a_spend_limit_is_a_row_of_its_event(ledger: Ledger) -> None:
    webhook = spend_limit_reached()
    await ledger.apply(webhook)
    row = await ledger.row("spend_limit_events")
    assert row | {"event_key": str(row["event_key"])} == {
        "event_key": key_of(webhook),
        "account": "a",
        "messaging_profile_id": builders.PROFILE,
        "configured_limit": Decimal("10.00"),
        "current_cost": Decimal("10.02"),
        "occurred_at": NOON,
    }


async def test_money_is_the_decimal_that_was_written(ledger: Ledger) -> None:
    webhook = builders.encode(spend_limit_reached()).replace(b'"10.02"', b"0.10000000000000000000000001")
    await ledger.apply(webhook.replace(b'"10.00"', b"7"))
    row = await ledger.row("spend_limit_events")
    assert (str(row["configured_limit"]), str(row["current_cost"])) == ("7", "0.10000000000000000000000001")


async def test_what_cannot_be_read_is_missing(ledger: Ledger) -> None:
    await ledger.apply(spend_limit_reached(None, configured_limit="ten", current_cost={"amount": "1"}))
    row = await ledger.row("spend_limit_events")
    assert {row["messaging_profile_id"], row["configured_limit"], row["current_cost"]} == {None}


@pytest.mark.parametrize(
    "event_type", ["messaging-profile.spend-limit-reached.v2", "Messaging-Profile.Spend-Limit-Reached"]
)
async def test_other_types_feed_nothing(ledger: Ledger, event_type: str) -> None:
    await ledger.apply(
        builders.event(event_type, {"profile_id": "p"}),
        builders.event("messaging_hosted_numbers_order.created", {"order_id": "o"}),
        builders.event("toll_free_verifications.x", {"id": "v", "status": "verified"}),
        builders.event("link_clicked.x", {"message_id": "m"}),
    )
    assert not any((await ledger.everything()).values())


# --- hosted numbers --------------------------------------------------------------------------------------------------


async def order_after(ledger: Ledger, *webhooks: Json) -> dict[str, Any]:
    await ledger.apply(*webhooks)
    return await ledger.row("hosted_number_orders")


async def test_each_column_of_an_order_is_the_latest_that_says_something(ledger: Ledger) -> None:
    created = hosted_order("created", profile_id="p1", order_status="Pending", decision="pending", at=minutes(0))
    asked = hosted_order("internal_transfer_approval_requested", approval_deadline=1772625600, at=minutes(1))
    approved = hosted_order("internal_transfer_approved", approval_decision=" APPROVED ", at=minutes(2))
    done = hosted_order("updated", order_status="successful", profile_id=None, decision="", at=minutes(3))
    row = await order_after(ledger, created, asked, approved, done)
    contract = {name: value for name, value in row.items() if not name.endswith("event_key")}
    assert contract == {
        "order_id": "order-1",
        "account": "a",
        "messaging_profile_id": "p1",
        "status": "successful",
        "status_at": minutes(3),
        "decision": "approved",
        "approval_deadline": datetime(2026, 3, 4, 12, tzinfo=UTC),
        "last_event_at": minutes(3),
        "profile_at": minutes(0),
        "decision_at": minutes(2),
        "deadline_at": minutes(1),
    }
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


async def test_numbers_are_rows_of_their_order_where_they_have_a_status(ledger: Ledger) -> None:
    numbers: list[Any] = [
        {"value": "1 (312) 555-0001", "status": "Pending"},
        {"value": 13125550002, "status": "failed_timeout"},
        {"value": "+13125550001", "status": "later in the same event"},
        {"value": "+13125550003"},
        {"status": "pending"},
        {"value": "+13125550004", "status": 7},
        "+13125550005",
        None,
    ]
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


# --- toll-free -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "status"),
    [
        ("Waiting For Vendor", "waiting_for_vendor"),
        (" in -_ PROGRESS ", "in_progress"),
        ("rejected", "rejected"),
        ("waiting-for-telnyx", "waiting_for_telnyx"),
    ],
)
async def test_a_toll_free_status_has_one_spelling(ledger: Ledger, written: str, status: str) -> None:
    await ledger.apply(toll_free_update(status=written))
    assert (await ledger.row("toll_free_verifications"))["status"] == status


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"rejectionReason": " A ", "rejection_reason": "B", "reason": "C"}, "A"),
        ({"rejectionReason": "", "rejection_reason": "B", "reason": "C"}, "B"),
        ({"rejectionReason": None, "rejection_reason": 7, "reason": "C\u0000"}, "C\ufffd"),
        ({}, None),
    ],
)
async def test_a_toll_free_reason(ledger: Ledger, said: Json, reason: str | None) -> None:
    await ledger.apply(toll_free_update(status="rejected", **said))
    assert (await ledger.row("toll_free_verifications"))["reason"] == reason


async def test_a_toll_free_row_is_whole_from_the_latest_event_with_a_status(ledger: Ledger) -> None:
    rejected = toll_free_update(status="Rejected", rejectionReason="name", at=minutes(0))
    verified = toll_free_update(status="Verified", at=minutes(1))
    silent = toll_free_update(status=None, reason="none of these", at=minutes(2))
    nameless = builders.event("toll_free_verification.created", {"status": "pending"})
    await ledger.apply(silent, verified, rejected, nameless)
    row = await ledger.row("toll_free_verifications")
    assert row | {"last_event_key": str(row["last_event_key"])} == {
        "verification_id": "tfv-1",
        "account": "a",
        "status": "verified",
        "reason": None,
        "status_at": minutes(1),
        "last_event_key": key_of(verified),
    }


# --- link clicks -----------------------------------------------------------------------------------------------------


async def test_a_link_click_has_no_event_type_and_is_its_own_payload(ledger: Ledger) -> None:
    webhook = link_clicked()
    await ledger.apply(webhook)
    row = await ledger.row("link_clicks")
    assert row | {"event_key": str(row["event_key"])} == {
        "event_key": key_of(webhook),
        "account": "a",
        "message_id": "msg-1",
        "recipient": builders.PERSON,
        "url": "https://example.com/appointment",
        "clicked_at": NOON,
    }


async def test_a_link_click_without_its_time_is_dated_by_the_event(ledger: Ledger) -> None:
    late = link_clicked(time_clicked="yesterday", occurred_at=builders.moment(minutes(5)), url=7, to=None)
    await ledger.apply(late, builders.event("link_clicked", {"message_id": 7, "to": {"phone_number": "+1"}}))
    rows = sorted(await ledger.rows("link_clicks"), key=lambda row: str(row["message_id"]))
    assert [(row["message_id"], row["recipient"], row["clicked_at"]) for row in rows] == [
        ("7", "+1", NOON),
        ("msg-1", None, minutes(5)),
    ]


# --- hostile values --------------------------------------------------------------------------------------------------

FIELDS = {
    "messaging-profile.spend-limit-reached": ("profile_id", "configured_limit", "current_cost"),
    "messaging_hosted_numbers_orders.updated": (
        *("order_id", "order_status", "profile_id", "decision", "approval_decision", "approval_deadline", "numbers"),
    ),
    "toll_free_verification.status_update": ("id", "status", "rejectionReason", "rejection_reason", "reason"),
    "link_clicked": ("message_id", "to", "url", "time_clicked"),
}


def attacked(event_type: str) -> Iterator[bytes]:
    """A body for each field and each value that hurts, the other fields being healthy."""
    for field, value in itertools.product(FIELDS[event_type], HOSTILE):
        payload: Json = {"id": "healthy", "order_id": "healthy", "status": "healthy", "field": field} | {field: value}
        data = {"event_type": event_type, "occurred_at": "2026-03-01T12:00:00Z", "payload": payload}
        yield written({"data": data}).encode()
        if field == "numbers":
            for inner in ({"value": value, "status": "x"}, {"value": "+13125550001", "status": value}):
                payload["numbers"] = [inner]
                yield written({"data": data}).encode()


@pytest.mark.parametrize("event_type", FIELDS)
async def test_no_value_can_stop_a_batch(ledger: Ledger, connection: asyncpg.Connection, event_type: str) -> None:
    bodies = list(attacked(event_type))
    await ledger.apply(*bodies)
    readable = {found.key for found in map(read, bodies) if isinstance(found, Event)}
    assert len(readable) > len(bodies) * 0.9
    assert await connection.fetchval("select count(*) from telnyx.events") == len(readable)
    assert await connection.fetchval("select count(*) from telnyx.dead_letters") == 0
    assert await connection.fetchval("select bool_and(status = 'live') from telnyx.projection_state")


# --- laws ------------------------------------------------------------------------------------------------------------


def story() -> list[Json]:
    """Events of the same things that contradict each other, three of them at one and the same time."""
    one = {"value": "+13125550001", "status": "pending"}
    return [
        hosted_order("created", order_status="pending", decision="pending", numbers=[one], at=minutes(0)),
        hosted_order(
            "updated", order_status="failed", profile_id="p1", numbers=[one | {"status": "failed"}], at=minutes(1)
        ),
        hosted_order("updated", order_status="successful", approval_deadline=1772625600, at=minutes(1)),
        hosted_order("deleted", approval_decision="approved", profile_id="p2", at=minutes(1)),
        hosted_order("updated", approval_deadline="2026-03-09T00:00:00Z", at=minutes(0)),
    ]


async def test_any_order_repetition_and_batching_gives_the_same_rows(ledger: Ledger) -> None:
    toll_free = [
        toll_free_update(status=status, at=minutes(number // 2)) for number, status in enumerate(("a", "b", "c", "d"))
    ]
    rest = [spend_limit_reached(), link_clicked()]
    await ledger.apply(*story(), *toll_free, *rest)
    whole = await ledger.everything()
    latest = max(story(), key=lambda webhook: (webhook["data"]["occurred_at"], key_of(webhook)))
    assert str(whole["hosted_number_orders"][0]["last_event_key"]) == key_of(latest)
    for number, order in enumerate(itertools.permutations(story())):
        await ledger.clear()
        cut = number % 5
        webhooks = [*order, *(toll_free if number % 2 else reversed(toll_free)), *rest]
        await ledger.apply(*webhooks[:cut])
        await ledger.apply(*webhooks[cut:], *webhooks[:2])
        if number % 7 == 0:
            await ledger.apply(*webhooks)
        assert await ledger.everything() == whole


async def test_the_account_is_that_of_the_latest_event(ledger: Ledger) -> None:
    pending = {"value": "+13125550001", "status": "pending"}
    for webhooks in (1, -1):
        await ledger.clear()
        for minute in (0, 1)[::webhooks]:
            account = "ab"[minute]
            await ledger.apply(
                hosted_order(numbers=[pending], at=minutes(minute)),
                toll_free_update(at=minutes(minute)),
                account=account,
            )
        found = await ledger.everything()
        tables = ("hosted_number_orders", "hosted_numbers", "toll_free_verifications")
        assert [found[table][0]["account"] for table in tables] == ["b", "b", "b"]
