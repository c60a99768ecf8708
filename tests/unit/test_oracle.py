"""The second computation against cases worked out by hand from semantics.md: who checks the checker."""

import ast
import hashlib
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests import builders, oracle
from tests.oracle import values
from tests.oracle.bodies import Delivery, Event, Quarantined, parse, read
from tests.oracle.opt_outs import match, opt_outs_as_of
from tests.oracle.tables import stored_events, tables

NOON = builders.NOON
PERSON, OURS, PROFILE = builders.PERSON, builders.OUR_NUMBER, builders.PROFILE


def delivery(webhook: Any, *, refused: str | None = None, received_at: datetime = NOON, account: str = "a") -> Delivery:
    body = webhook if isinstance(webhook, bytes) else builders.encode(webhook)
    return Delivery(account, "k", received_at, body, b"s" * 64, "1", refused)


def rows(table: str, *webhooks: Any) -> dict[Any, Any]:
    return tables([delivery(webhook) for webhook in webhooks])[table]


def only(table: str, *webhooks: Any) -> Any:
    (row,) = rows(table, *webhooks).values()
    return row


def test_the_oracle_imports_nothing_from_the_product() -> None:
    for path in Path(oracle.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not {name.split(".")[0] for name in names} & {"schemas", "ingest", "projections", "deploy"}


# --- section 1 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "value", "expected"),
    [
        (values.text, " \u00a0a b\u2003\n", "a b"),
        (values.text, " \t", None),
        (values.text, 5, None),
        (values.text, "a\0b", "a\ufffdb"),
        (values.upper, " stop ", "STOP"),
        (values.id_, 17, "17"),
        (values.id_, True, None),
        (values.id_, 2**64 - 1, "18446744073709551615"),
        (values.id_, 2**64, None),
        (values.id_, "x" * 255, "x" * 255),
        (values.id_, "x" * 256, None),
        (values.id_, " " + "x" * 255 + " ", "x" * 255),
        (values.phone, "+1 (312) 555-0001", "+13125550001"),
        (values.phone, "1.312.555.0001", "+13125550001"),
        (values.phone, 13125550001, "+13125550001"),
        (values.phone, "(312) 555-0001", "(312) 555-0001"),
        (values.phone, "1234567890123456", "1234567890123456"),
        (values.phone, "123456", "123456"),
        (values.phone, "ACME Inc.", "ACME Inc."),
        (values.phone, "+1312555****", "+1312555****"),
        (values.phone, "+", "+"),
        (values.party, {"phone_number": " ", "agent_id": 7}, "7"),
        (values.party, {"phone_number": "13125550001", "agent_id": "a"}, "+13125550001"),
        (values.party, {"name": "x"}, None),
        (values.party, ["+13125550001"], None),
        (values.list_, None, []),
        (values.list_, False, [False]),
        (values.parties, ["1", {"phone_number": "2"}, None, "1"], ["1", "2"]),
        (values.parties, {"phone_number": "2"}, ["2"]),
        (values.int_, 2**31 - 1, 2**31 - 1),
        (values.int_, 2**31, None),
        (values.int_, -1, None),
        (values.int_, True, None),
        (values.int_, "1", None),
        (values.int_, values.Real("1.0"), None),
        (values.money, "0.0051", Decimal("0.0051")),
        (values.money, "-" + "9" * 20, Decimal("-" + "9" * 20)),
        (values.money, "1" * 21, None),
        (values.money, "1." + "1" * 21, None),
        (values.money, ".5", None),
        (values.money, "1e5", None),
        (values.money, "NaN", None),
        (values.money, "+1", None),
        (values.money, "1\n", None),
        (values.money, "\uff11", None),
        (values.money, values.Real("0.12345678901234567890"), Decimal("0.12345678901234567890")),
        (values.money, values.Real("1e5"), Decimal(100000)),
        (values.money, values.Real("1e-20000"), None),
        (values.money, values.Real("1e20"), None),
        (values.money, values.Real("1e-" + "9" * 5000), None),
        (values.money, 10**20, None),
        (values.money, 10**20 - 1, Decimal(10**20 - 1)),
        (values.money, False, None),
    ],
)
def test_reading_functions(function: Any, value: object, expected: object) -> None:
    assert function(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2024-08-07T17:22:37.328+00:00", datetime(2024, 8, 7, 17, 22, 37, 328000, UTC)),
        (" 2024-08-07t17:22z ", datetime(2024, 8, 7, 17, 22, tzinfo=UTC)),
        ("2024-08-07 17:22:37.1234569", datetime(2024, 8, 7, 17, 22, 37, 123456, UTC)),
        ("2024-08-07T17:22:37.5+0530", datetime(2024, 8, 7, 11, 52, 37, 500000, UTC)),
        ("2024-08-07T17:22-05", datetime(2024, 8, 7, 22, 22, tzinfo=UTC)),
        ("1969-12-31T23:30:00-01:00", datetime(1970, 1, 1, 0, 30, tzinfo=UTC)),
        ("1970-01-01T00:30:00+01:00", None),
        ("2199-12-31T23:59:59.999999Z", datetime(2199, 12, 31, 23, 59, 59, 999999, UTC)),
        ("2199-12-31T23:59:59-01:00", None),
        ("0001-01-01T00:00:00+01:00", None),
        ("9999-12-31T23:59:59-01:00", None),
        ("2023-02-29T00:00Z", None),
        ("2024-01-01T24:00Z", None),
        ("2024-01-01T00:00:60Z", None),
        ("2024-01-01T00:00:00.Z", None),
        ("2024-01-01T00:00.5Z", None),
        ("2024-01-01", None),
        ("2024-01-01T00", None),
        ("2024-01-01T00:00:00 Z", None),
        ("2024-01-01T00:00:00+1", None),
        ("٢٠٢٤-01-01T00:00Z", None),
        ("date-time", None),
        (1588280767, None),
    ],
)
def test_time(value: object, expected: datetime | None) -> None:
    assert values.time(value) == expected


# --- section 2 -------------------------------------------------------------------------------------------------------

GOOD = {"event_type": "x", "occurred_at": "2024-01-01T00:00Z"}


def reason(body: bytes, refused: str | None = None) -> str:
    found = read(delivery(body, refused=refused))
    return found.reason if isinstance(found, Quarantined) else "event"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "not_json"),
        (b"NaN", "not_json"),
        (b"\xef\xbb\xbf{}", "not_json"),
        (b"{} {}", "not_json"),
        (b'{"data":{"event_type":"\\ud800"}}', "not_json"),
        (b'{"data":{"event_type":"\\\\ud800","occurred_at":"2024-01-01T00:00Z"}}', "event"),
        (b'{"data":{"event_type":"\\ud83d\\ude00","occurred_at":"2024-01-01T00:00Z"}}', "event"),
        (b'{"data":"\xed\xa0\x80"}', "not_json"),
        (b'{"data":{"x":1e400}}', "not_json"),
        (b"[" * 1024 + b"]" * 1024, "no_data"),
        (b"[" * 1025 + b"]" * 1025, "not_json"),
        (b"{}", "no_data"),
        (b"[]", "no_data"),
        (b'{"data":[]}', "no_data"),
        (b'{"sms_id":null,"data":[]}', "webhook_api_v1"),
        (b'{"mms_id":"x"}', "webhook_api_v1"),
        (b'{"data":{}}', "no_event_type"),
        (b'{"sms_id":1,"data":{}}', "no_event_type"),
        (b'{"data":{"event_type":" "}}', "no_event_type"),
        (b'{"data":{"event_type":"x"}}', "no_occurred_at"),
        (b'{"data":{"event_type":"x","payload":{"sent_at":"2024-01-01T00:00Z"}}}', "no_occurred_at"),
        (b'{"data":{"event_type":"message.x","payload":{"sent_at":"2024-01-01T00:00Z"}}}', "event"),
        (b'{"data":{"record_type":"link_clicked","time_clicked":"2024-01-01T00:00Z"}}', "event"),
        (b'{"data":{"event_type":"x","time_clicked":"2024-01-01T00:00Z"}}', "no_occurred_at"),
        (json.dumps({"data": GOOD}).encode(), "event"),
    ],
)
def test_reasons(body: bytes, expected: str) -> None:
    assert reason(body) == expected


def test_nesting_beyond_the_canonical_form_is_too_deep() -> None:
    def nested(levels: int) -> bytes:
        inner = "[" * (levels - 1) + "]" * (levels - 1)
        return json.dumps({"data": GOOD})[:-2].encode() + b',"x":' + inner.encode() + b"}}"

    assert reason(nested(254)) == "event"
    assert reason(nested(255)) == "too_deep"


def test_the_window_wins_and_the_key_is_that_of_the_event() -> None:
    body = json.dumps({"data": {"event_type": "x"}}).encode()
    found = read(delivery(body, refused="stale_timestamp"))
    assert isinstance(found, Quarantined)
    canonical = orjson.dumps({"event_type": "x"}, option=orjson.OPT_SORT_KEYS)
    assert (found.reason, found.key.bytes) == ("stale_timestamp", hashlib.blake2b(canonical, digest_size=16).digest())
    elsewhere = read(delivery(b"nonsense", refused="stale_timestamp"))
    assert elsewhere.key.bytes == hashlib.blake2b(b"nonsense", digest_size=16).digest()


def test_the_first_of_the_message_times_stands_in_for_occurred_at() -> None:
    payload = {"completed_at": "soon", "sent_at": "2024-01-01T00:00Z", "received_at": "2023-01-01T00:00Z"}
    found = read(delivery({"data": {"event_type": "message.sent", "payload": payload}}))
    assert isinstance(found, Event)
    assert found.occurred_at == datetime(2024, 1, 1, tzinfo=UTC)


def test_a_link_click_is_its_own_payload() -> None:
    click = {"record_type": "link_clicked", "url": "u", "time_clicked": "2024-01-01T00:00Z"}
    found = read(delivery({"data": click}))
    assert isinstance(found, Event)
    assert (found.type, found.retention_class, found.p) == ("link_clicked", "traffic", click)


def test_events_hold_the_first_delivery_of_each_key() -> None:
    webhook = builders.message_sent()
    row = only("events", webhook, builders.again(webhook))
    assert row["body"] == builders.encode(webhook)


def test_quarantine_holds_one_row_per_key_and_the_first_reason() -> None:
    late = delivery(builders.message_sent(), refused="stale_timestamp")
    early = delivery(builders.again(builders.message_sent()), refused="future_timestamp")
    (row,) = tables([late, early])["quarantined_webhooks"].values()
    assert (row["reason"], row["body"]) == ("stale_timestamp", late.body)


def test_numbers_stay_as_written() -> None:
    assert parse(b"[0.10, 1e5, 123456789012345678901234567890]") == [
        values.Real("0.10"),
        values.Real("1e5"),
        123456789012345678901234567890,
    ]


# --- section 4 -------------------------------------------------------------------------------------------------------


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


def test_recipients_in_order_and_nobody_named() -> None:
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


# --- section 5 -------------------------------------------------------------------------------------------------------


def test_inbound_rows_are_whole_from_the_latest_event() -> None:
    first = builders.message_received(text="one", media=[{"url": "u\0"}], parts=2)
    empty: dict[str, Any] = {"text": "", "media": None, "parts": None, "from": None}
    last = builders.message_received(at=NOON + timedelta(seconds=1), **empty)
    row = only("inbound_messages", last, first)
    assert (row["parts"], row["sender"], row["recipients"], row["cc"]) == (None, None, [OURS], [])
    contents = only("message_contents", last, first)
    assert (contents["text"], contents["media"]) == (None, [])
    assert only("message_contents", first)["media"] == [{"url": "u\ufffd"}]


def test_the_text_is_the_first_string_that_is_not_empty_and_is_not_trimmed() -> None:
    body = {"text": {"x": 1}, "suggestion_response": {"text": " Yes\0"}}
    assert only("message_contents", builders.message_received(text="", body=body))["text"] == " Yes\ufffd"
    assert only("message_contents", builders.message_received(text=" ", body=body))["text"] == " "


def test_received_at_is_telnyxs_or_the_events() -> None:
    assert only("inbound_messages", builders.message_received(received_at="never"))["received_at"] == NOON


# --- section 6 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Stop!", ("opt_out", "STOP")),
        ("\uff33\uff34\uff2f\uff30", ("opt_out", "STOP")),
        ("stop—all", ("opt_out", "STOP ALL")),
        ("Opt-Out", ("opt_out", "OPT OUT")),
        ("please,  stop", ("opt_out", "PLEASE STOP")),
        ("stop it", None),
        ("don't stop", None),
        ("un stop", None),
        ("UNSTOP", ("opt_in", "UNSTOP")),
        ("start now", None),
        ("help", ("help", "HELP")),
        ("help me", None),
        ("could you stop texting me", ("opt_out", "STOP TEXTING")),
        ("stop texting and unsubscribe me", ("opt_out", "UNSUBSCRIBE")),
        ("unsubscribed", None),
        ("opt me out please", ("opt_out", "OPT ME OUT")),
        ("", None),
        ("…", None),
    ],
)
def test_texts_that_mean_something(written: str, expected: tuple[str, str] | None) -> None:
    assert match(written) == expected


@pytest.mark.parametrize(
    ("autoresponse", "written", "expected"),
    [
        ("stop ", "  arrêt \n total ", ("opt_out", "autoresponse", "ARRÊT TOTAL", True)),
        ("START", "x" * 41, ("opt_in", "autoresponse", None, False)),
        ("INFO", None, ("help", "autoresponse", None, False)),
        ("HOURS", "stop", ("opt_out", "keyword", "STOP", False)),
        (None, "Revoke", ("opt_out", "keyword", "REVOKE", False)),
        ("STOP", "start", ("opt_out", "autoresponse", "START", True)),
    ],
)
def test_opt_out_facts(autoresponse: object, written: str | None, expected: tuple[object, ...]) -> None:
    row = only("opt_out_events", builders.message_received(text=written, autoresponse_type=autoresponse))
    assert (row["action"], row["basis"], row["keyword"], row["telnyx_blocked"]) == expected
    assert (row["phone_number"], row["via_number"], row["messaging_profile_id"]) == (PERSON, OURS, PROFILE)


def test_a_refused_send_is_a_fact_of_the_recipient_that_carries_the_code() -> None:
    to = [builders.recipient("1", "failed", error_code="40300"), builders.recipient("2", "failed")]
    webhook = builders.message_finalized(to=to, messaging_profile_id=None)
    row = only("opt_out_events", webhook)
    assert (row["phone_number"], row["basis"], row["keyword"], row["via_number"]) == ("1", "blocked_send", None, OURS)
    assert (row["messaging_profile_id"], row["telnyx_blocked"]) == ("", True)


def minutes(count: float) -> datetime:
    return NOON + timedelta(minutes=count)


def test_a_repeated_stop_does_not_move_the_day_of_the_opt_out() -> None:
    events = [
        builders.stop_received("a", at=minutes(0)),
        builders.stop_received("b", at=minutes(5)),
        builders.send_refused(at=minutes(9)),
    ]
    row = only("opt_outs", *reversed(events))
    assert (row["opted_out"], row["changed_at"], row["basis"]) == (True, minutes(0), "autoresponse")


def test_start_ends_an_opt_out_and_a_later_stop_begins_a_new_one() -> None:
    events = [
        builders.stop_received("a", at=minutes(0)),
        builders.start_received("b", at=minutes(1)),
        builders.stop_received("c", at=minutes(2)),
    ]
    assert only("opt_outs", *events)["changed_at"] == minutes(2)
    row = only("opt_outs", *events[:2])
    assert (row["opted_out"], row["changed_at"], row["telnyx_blocked"]) == (False, minutes(1), False)


def test_a_refused_send_from_before_the_consent_does_not_count() -> None:
    refused = builders.send_refused(at=minutes(0))  # tried at 0, refused two seconds later
    start = builders.start_received(at=minutes(0) + timedelta(seconds=1))
    assert only("opt_outs", refused, start)["opted_out"] is False
    earlier = builders.start_received(at=minutes(-1))
    assert only("opt_outs", refused, earlier)["opted_out"] is True


def test_a_refused_send_is_judged_by_consents_before_it_only() -> None:
    refused = builders.send_refused(at=minutes(0))
    row = only("opt_outs", refused, builders.start_received(at=minutes(5)), builders.stop_received(at=minutes(-5)))
    assert (row["opted_out"], row["changed_at"]) == (False, minutes(5))


def test_a_keyword_leaves_the_block_as_it_was() -> None:
    stop = builders.stop_received("a", at=minutes(0))
    unanswered_start = builders.message_received("b", text="start", at=minutes(1))
    row = only("opt_outs", stop, unanswered_start)
    assert (row["opted_out"], row["telnyx_blocked"], row["basis"]) == (False, True, "keyword")
    row = only("opt_outs", builders.message_received(text="revoke"))
    assert (row["opted_out"], row["telnyx_blocked"]) == (True, False)


def test_help_is_a_fact_but_makes_no_row() -> None:
    webhook = builders.message_received(text="help")
    assert only("opt_out_events", webhook)["action"] == "help"
    assert rows("opt_outs", webhook) == {}


def test_profiles_are_separate() -> None:
    webhooks = [builders.stop_received("a"), builders.start_received("b", messaging_profile_id=None)]
    found = rows("opt_outs", *webhooks)
    assert {profile: row["opted_out"] for (profile, _), row in found.items()} == {PROFILE: True, "": False}


def test_as_of_takes_what_had_happened_and_was_known() -> None:
    deliveries = [
        delivery(builders.stop_received("a", at=minutes(0)), received_at=minutes(0)),
        delivery(builders.start_received("b", at=minutes(1)), received_at=minutes(60)),
    ]
    events = stored_events(deliveries)

    def state(at: datetime, known_at: datetime | None = None) -> list[object]:
        return [row["opted_out"] for row in opt_outs_as_of(events, at, known_at).values()]

    assert state(minutes(-1)) == []
    assert state(minutes(0)) == [True]
    assert state(minutes(1)) == [False]
    assert state(minutes(1), minutes(1)) == [True]
