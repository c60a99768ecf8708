"""The oracle's inbound messages on cases worked out by hand from docs/semantics.md, section 5."""

from datetime import timedelta
from typing import Any

from tests.support.webhooks import builders
from tests.support.webhooks.builders import NOON
from tests.support.webhooks.builders import OUR_NUMBER as OURS
from tests.support.webhooks.oracle_rows import only


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
