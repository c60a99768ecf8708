"""The reading functions and `read` agree with the oracle, value by value and body by body."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.reading import normalize
from schemas.reading.event import Event, Unreadable, exact_payload, read
from tests.oracle import bodies, values
from tests.support.streams import BODIES, body_of
from tests.support.streams.messages import PEOPLE, STATUSES, TEXTS
from tests.support.streams.pools import MONEY, TIMES
from tests.support.webhooks.malformed import BROKEN, HOSTILE, Raw

AT = datetime(2026, 1, 1, tzinfo=UTC)
DIGITS = st.text("0123456789.-+eE", max_size=24)
TIMELIKE = st.from_regex(
    r"\A ?[0-9]{4}-[01][0-9]-[0-3][0-9][tT ][0-2][0-9]:[0-6][0-9](:[0-6][0-9](\.[0-9]{1,9})?)?"
    r"([zZ]|[+-][0-2][0-9](:?[0-6][0-9])?)? ?\Z"
)
NUMBERS = st.from_regex(r"\A-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,2})?\Z").map(Raw)
LEAVES = st.one_of(
    st.sampled_from([*HOSTILE, *PEOPLE, *STATUSES, *TEXTS, *MONEY]), st.text(max_size=12),
    st.text(" \u00a0\u2003\x1c+().-0123456789\0", max_size=24), st.integers(), DIGITS, NUMBERS, TIMES, TIMELIKE,
)  # fmt: skip
VALUES = st.one_of(
    LEAVES,
    st.lists(LEAVES, max_size=3),
    st.fixed_dictionaries({}, optional={"phone_number": LEAVES, "agent_id": LEAVES}),
    st.lists(st.fixed_dictionaries({"phone_number": LEAVES}), max_size=3),
)
READERS = [
    *(
        (normalize.text, values.text),
        (normalize.upper, values.upper),
        (normalize.lower, values.lower),
        (normalize.vendor_id, values.id_),
    ),
    *((normalize.phone, values.phone), (normalize.party, values.party), (normalize.parties, values.parties)),
    *((normalize.integer, values.int_), (normalize.timestamp, values.time)),
]


def both(value: Any) -> tuple[Any, Any, Any]:
    """One value as the product reads it, with exact numbers, and as the oracle reads it."""
    body = body_of({"event_type": "x", "occurred_at": "2026-01-01T00:00Z", "payload": {"value": value}})
    event = read(body)
    expected = bodies.read(bodies.Delivery("a", "k", AT, body, b"", "1"))
    assert isinstance(event, Event)
    assert isinstance(expected, bodies.Event)
    return event.payload["value"], exact_payload(event, body)["value"], expected.p["value"]


@settings(max_examples=1500, deadline=None, derandomize=True)
@given(VALUES)
def test_every_reading_function_agrees_with_the_oracle(value: Any) -> None:
    ours, _, theirs = both(value)
    for reader, oracle in READERS:
        assert reader(ours) == oracle(theirs), reader.__name__
    assert len(normalize.items(ours)) == len(values.list_(theirs))


@settings(max_examples=1500, deadline=None, derandomize=True)
@given(st.one_of(LEAVES, NUMBERS, DIGITS))
def test_amounts_are_read_as_written(value: Any) -> None:
    _, exact, theirs = both(value)
    ours, expected = normalize.money(exact), values.money(theirs)
    assert (ours is None) == (expected is None)
    assert ours == expected


@settings(max_examples=1500, deadline=None, derandomize=True)
@given(BODIES)
def test_every_body_gives_the_event_of_the_oracle(body: bytes) -> None:
    compare(body)


@pytest.mark.parametrize("body", BROKEN)
def test_an_unreadable_body_has_the_reason_of_the_oracle(body: bytes) -> None:
    compare(body)


@settings(max_examples=1500, deadline=None, derandomize=True)
@given(st.binary(max_size=40), BODIES, st.integers(0, 400), st.integers(0, 4))
def test_read_agrees_with_the_oracle_on_damaged_bodies(junk: bytes, body: bytes, where: int, cut: int) -> None:
    compare(junk)
    compare(body[:where] + junk[:cut] + body[where + cut :])


def compare(body: bytes) -> None:
    ours, expected = read(body), bodies.read(bodies.Delivery("a", "k", AT, body, b"", "1"))
    assert ours.key == str(expected.key)
    if isinstance(expected, bodies.Quarantined):
        assert isinstance(ours, Unreadable)
        assert ours.reason == expected.reason
        return
    assert isinstance(ours, Event)
    assert (ours.id, ours.occurred_at, ours.retention_class) == (
        expected.event_id,
        expected.occurred_at,
        expected.retention_class,
    )
    assert ours.type == expected.type
    assert ours.payload.keys() == expected.p.keys()
