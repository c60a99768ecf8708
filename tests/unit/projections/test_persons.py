"""The persons that an event names, for shapes that no vendor example has."""

import pytest

from projections.tables.persons import persons
from schemas.reading.event import Unreadable, read


@pytest.mark.parametrize(
    ("copied", "named"),
    [
        ("null", []),
        ("[]", []),
        ('""', []),
        ("0", ["0"]),  # a number is a short code, whatever its value
        ("-0", ["0"]),
        ('[{"phone_number": "+13125550100"}, "+13125550100"]', ["+13125550100"]),
    ],
)
def test_copied_persons_are_read_from_every_shape(copied: str, named: list[str]) -> None:
    event = read(
        b'{"data":{"event_type":"message.sent","occurred_at":"2026-02-28T23:58:00Z","payload":{"cc":%b}}}'
        % copied.encode()
    )
    assert not isinstance(event, Unreadable)
    assert persons(event) == named
