"""The second computation of other resources against cases worked out by hand from docs/semantics.md, section 8."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.oracle.accounts import deadline
from tests.oracle.values import Real
from tests.support.webhooks import builders
from tests.support.webhooks.builders import NOON
from tests.support.webhooks.oracle_rows import only, rows


def later(minutes: int) -> datetime:
    return NOON + timedelta(minutes=minutes)


def test_a_spend_limit_keeps_its_decimals() -> None:
    row = only("spend_limit_events", builders.spend_limit_reached(None, current_cost="10.020", configured_limit="x"))
    assert (row["current_cost"], str(row["current_cost"])) == (Decimal("10.020"), "10.020")
    assert (row["configured_limit"], row["messaging_profile_id"]) == (None, None)


def test_each_column_of_an_order_is_the_latest_that_is_there() -> None:
    row = only(
        "hosted_number_orders",
        builders.hosted_order("created", at=later(1), order_status="Pending", profile_id="p", decision="approved"),
        builders.hosted_order(at=later(2), approval_decision="REJECTED", approval_deadline=1588280767),
        builders.hosted_order(at=later(3), order_status=" "),
    )
    assert (row["status"], row["status_at"], row["decision"]) == ("pending", later(1), "rejected")
    assert (row["messaging_profile_id"], row["approval_deadline"].year) == ("p", 2020)


def test_a_deleted_order_says_so_by_its_type_alone() -> None:
    assert only("hosted_number_orders", builders.hosted_order("deleted"))["status"] == "deleted"
    assert only("hosted_number_orders", builders.hosted_order("deleted", order_status="Failed"))["status"] == "failed"
    assert only("hosted_number_orders", builders.hosted_order("deleted.x"))["status"] is None
    assert rows("hosted_number_orders", builders.hosted_order(order_id=None)) == {}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (1588280767, datetime(2020, 4, 30, 21, 6, 7, tzinfo=UTC)),
        ("1588280767", datetime(2020, 4, 30, 21, 6, 7, tzinfo=UTC)),
        ("999999999", datetime(2001, 9, 9, 1, 46, 39, tzinfo=UTC)),
        ("99999999", None),
        ("15882807670", None),
        (Real("1588280767.12345678"), datetime(2020, 4, 30, 21, 6, 7, 123456, UTC)),
        (Real("1e-20000"), datetime(1970, 1, 1, tzinfo=UTC)),
        (Real("1588280767." + "9" * 20000), datetime(2020, 4, 30, 21, 6, 7, 999999, UTC)),
        (-1, None),
        (7258118400, None),
        (True, None),
        ("2026-03-01T12:00:00Z", NOON),
        ([1588280767], None),
    ],
)
def test_a_deadline_is_unix_seconds_or_a_time(value: object, expected: datetime | None) -> None:
    assert deadline(value) == expected


def test_numbers_of_orders_and_of_none() -> None:
    numbers = [{"value": "1 312 555 0001", "status": "PENDING"}, {"value": "2"}, {"status": "x"}, "3", None]
    found = rows(
        "hosted_numbers",
        builders.hosted_order(at=later(1), numbers=numbers),
        builders.hosted_order(order_id=None, at=later(2), numbers={"value": "13125550001", "status": "failed"}),
        builders.hosted_order(at=later(3), numbers=[{"value": 13125550001, "status": " "}]),
    )
    assert {key: row["status"] for key, row in found.items()} == {
        ("order-1", "+13125550001"): "pending",
        ("", "+13125550001"): "failed",
    }


def test_of_two_items_about_one_number_the_earlier_counts() -> None:
    numbers = [{"value": "13125550001", "status": "a"}, {"value": "+13125550001", "status": "b"}]
    assert only("hosted_numbers", builders.hosted_order(numbers=numbers))["status"] == "a"


@pytest.mark.parametrize(
    ("written", "expected"),
    [("Waiting For Vendor", "waiting_for_vendor"), ("in--_ progress ", "in_progress"), ("verified", "verified")],
)
def test_a_toll_free_status(written: str, expected: str) -> None:
    assert only("toll_free_verifications", builders.toll_free_update(status=written))["status"] == expected


def test_a_toll_free_verification_is_whole_from_the_latest_event_with_a_status() -> None:
    told = [
        builders.toll_free_update(
            status="rejected", at=later(1), rejectionReason=" ", rejection_reason="r", reason="s"
        ),
        builders.toll_free_update(status=None, at=later(2), reason="t"),
    ]
    row = only("toll_free_verifications", *told)
    assert (row["status"], row["reason"], row["status_at"]) == ("rejected", "r", later(1))
    row = only("toll_free_verifications", *told, builders.toll_free_update(at=later(3)))
    assert (row["status"], row["reason"]) == ("verified", None)


def test_a_click_is_dated_by_itself_or_by_its_event() -> None:
    row = only("link_clicks", builders.link_clicked(occurred_at=builders.moment(later(5))))
    assert (row["clicked_at"], row["recipient"], row["message_id"]) == (NOON, builders.PERSON, "msg-1")
    row = only("link_clicks", builders.link_clicked(occurred_at=builders.moment(later(5)), time_clicked="soon"))
    assert row["clicked_at"] == later(5)
