"""The oracle's events and quarantine on cases worked out by hand from docs/semantics.md, section 2."""

import hashlib
import json
from datetime import UTC, datetime

import orjson

from tests.oracle import values
from tests.oracle.bodies import Event, Quarantined, parse, read
from tests.oracle.tables import tables
from tests.support.webhooks import builders
from tests.support.webhooks.oracle_rows import delivery, only


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
