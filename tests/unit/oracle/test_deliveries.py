"""The oracle's deliveries on cases worked out by hand from docs/semantics.md, section 4."""

from datetime import timedelta
from decimal import Decimal

from tests.oracle.tables import tables
from tests.support.webhooks import builders
from tests.support.webhooks.builders import NOON, PERSON
from tests.support.webhooks.oracle_rows import delivery, only, rows


def test_the_winner_has_the_greatest_rank_then_time() -> None:
    row = only("message_deliveries", builders.message_finalized(status="delivered"), builders.message_sent())
    assert (row["status"], row["is_final"], row["account"]) == ("delivered", True, "a")
    assert row["status_at"] == NOON + timedelta(seconds=2)
    assert row["sent_at"] == NOON + timedelta(milliseconds=300)
    assert row["queued_at"] == NOON


def test_a_late_sent_does_not_take_back_a_final_status() -> None:
    late = builders.message_sent(at=NOON + timedelta(hours=1))
    assert only("message_deliveries", late, builders.message_finalized())["status"] == "delivered"


def test_a_finalized_that_still_says_sent_is_final() -> None:
    row = only("message_deliveries", builders.message_finalized(status="SENT"))
    assert (row["status"], row["is_final"]) == ("sent", True)


def test_an_unlisted_word_ranks_as_the_default_of_its_event() -> None:
    row = only("message_deliveries", builders.message_finalized(status="Lost"), builders.message_sent(status="sent"))
    assert row["status"] == "lost"
    row = only("message_deliveries", builders.message_finalized(status="failed"), builders.message_read(status="??"))
    assert row["status"] == "??"


def test_recipients_keep_their_order_and_may_be_missing() -> None:
    to = [{"phone_number": "1"}, "2", 3, True, None, "", [], {"carrier": "x"}]
    cc = ["4", {"phone_number": "5"}, {"phone_number": "6", "status": "Queued"}, {"phone_number": "7", "status": "odd"}]
    found = rows("message_deliveries", builders.message_sent(to=to, cc=cc))
    assert [recipient for _, recipient in found] == ["1", "2", "3", "", "6"]
    assert [recipient for _, recipient in rows("message_deliveries", builders.message_sent(to=[True]))] == [""]


def test_without_a_message_id_there_is_no_row() -> None:
    assert rows("message_deliveries", builders.message_sent(message_id="")) == {}
    assert list(rows("message_deliveries", builders.message_sent(id=17))) == [("17", PERSON)]


def test_within_one_event_the_earlier_item_wins() -> None:
    to = [builders.recipient(status="failed", error_code="1"), builders.recipient(status="delivered", error_code="2")]
    assert only("message_deliveries", builders.message_finalized(to=to))["error_codes"] == ["1"]
    to = [builders.recipient(status="sent"), builders.recipient(status="delivered")]
    assert only("message_deliveries", builders.message_finalized(to=to))["status"] == "delivered"


def test_error_codes_and_detail() -> None:
    errors = [{"code": 40001, "title": " T ", "detail": "D"}, "plain", {"code": "40001", "detail": "only"}, 7, {}]
    to = [builders.recipient(status="failed", error_code="5", error_message="plain")]
    row = only("message_deliveries", builders.message_finalized(to=to, errors=errors))
    assert row["error_codes"] == ["40001", "5"]
    assert row["error_detail"] == "T: D; plain; only"
    row = only("message_deliveries", builders.message_finalized(errors=None))
    assert (row["error_codes"], row["error_detail"]) == ([], None)


def test_a_cost_is_booked_once_per_event_by_its_first_observation() -> None:
    to = [builders.recipient("+13125550001", "sent"), builders.recipient("+13125550002", "sent")]
    found = rows("message_deliveries", builders.message_sent(to=to))
    assert [row["cost_amount"] for row in found.values()] == [Decimal("0.0051"), None]
    assert [row["carrier_fee_amount"] for row in found.values()] == [Decimal("0.00305"), None]


def test_cost_amount_currency_and_fee_come_together() -> None:
    first = builders.message_sent(cost={"amount": "0.5", "currency": "EUR"}, cost_breakdown=None)
    last = builders.message_finalized(cost={"amount": None, "currency": "USD"})
    row = only("message_deliveries", first, last)
    assert (row["cost_amount"], row["cost_currency"], row["carrier_fee_amount"]) == (Decimal("0.5"), "EUR", None)
    assert only("message_deliveries", builders.message_sent(cost="0.25"))["cost_amount"] == Decimal("0.25")


def test_missing_times_fall_back_only_on_their_own_event() -> None:
    row = only("message_deliveries", builders.message_sent(sent_at=None))
    assert (row["sent_at"], row["completed_at"]) == (NOON + timedelta(milliseconds=300), None)
    row = only("message_deliveries", builders.message_finalized(sent_at=None, completed_at="x"))
    assert (row["sent_at"], row["completed_at"]) == (None, NOON + timedelta(seconds=2))


def test_greatest_arrays_compare_item_by_item_then_by_length() -> None:
    one, two = builders.message_sent(tags=["a", None, "b"]), builders.message_finalized(tags=["a"])
    assert only("message_deliveries", one, two)["tags"] == ["a", "b"]
    assert only("message_deliveries", builders.message_sent(tags=None))["tags"] == []


def test_text_is_ordered_by_code_point() -> None:
    one, two = builders.message_sent(type="sms"), builders.message_finalized(type="SMS")
    assert only("message_deliveries", one, two)["message_type"] == "sms"


def test_other_delivery_events_feed_nothing() -> None:
    for event_type in ("message.delivered", "message.failed", "message.finished", "Message.sent"):
        webhook = builders.message_sent()
        webhook["data"]["event_type"] = event_type
        found = tables([delivery(webhook)])
        assert len(found["events"]) == 1
        assert found["message_deliveries"] == {}
