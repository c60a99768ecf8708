"""The fast path of `verify` through a body gives the same result as the full reading."""

from uuid import UUID

from hypothesis import given, settings

from projections.integrity.checks import _matches_body
from schemas.reading.event import Event, read
from tests.support.streams import Webhook, streams
from tests.support.webhooks import builders


def columns(event: Event) -> tuple[UUID, str | None, str, str, object]:
    return UUID(event.key), event.id, event.type, event.retention_class, event.occurred_at


@settings(max_examples=100, deadline=None, derandomize=True)
@given(stream=streams())
def test_both_readings_of_a_body_agree(stream: list[Webhook]) -> None:
    read_from = {webhook.body: read(webhook.body) for webhook in stream}
    stored = [columns(event) for event in read_from.values() if isinstance(event, Event)]
    for body, found in read_from.items():
        theirs = columns(found) if isinstance(found, Event) else None
        # Also with each column replaced by that of any other event.
        rows = (
            [*stored, *((*theirs[:at], *row[at : at + 1], *theirs[at + 1 :]) for row in stored for at in range(5))]
            if theirs
            else stored
        )
        assert all(row == theirs for row in rows if _matches_body(body, *row))  # type: ignore[arg-type]


def test_a_usual_body_takes_the_fast_path() -> None:
    for webhook in (builders.message_sent(), builders.stop_received(), builders.message_finalized()):
        event = read(builders.encode(webhook))
        assert isinstance(event, Event)
        assert _matches_body(builders.encode(webhook), *columns(event))  # type: ignore[arg-type]


def test_a_body_without_an_event_gives_nothing() -> None:
    event = read(builders.encode(builders.message_sent()))
    assert isinstance(event, Event)
    for body in (
        b"",
        b"[]",
        b'"data"',
        b'{"data":[]}',
        b'{"data":1}',
        b'{"data":{"event_type":1,"occurred_at":1}}',
        b"\xff",
    ):
        assert not _matches_body(body, *columns(event))  # type: ignore[arg-type]
