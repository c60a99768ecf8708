"""person_events: the events that name a person, from the description of the table alone."""

from collections.abc import Sequence

from tests.oracle.bodies import Event
from tests.oracle.rows import Rows
from tests.oracle.values import parties, party


def person_events(events: Sequence[Event]) -> Rows:
    return {
        (phone_number, event.occurred_at, event.key): {
            "phone_number": phone_number,
            "occurred_at": event.occurred_at,
            "event_key": event.key,
            "retention_class": event.retention_class,
        }
        for event in events
        for phone_number in named(event)
    }


def named(event: Event) -> list[str]:
    if event.type == "message.received":
        sender = party(event.p.get("from"))
        return [*([sender] if sender else []), *parties(event.p.get("cc"))]
    if event.type in ("message.sent", "message.finalized", "message.read", "link_clicked"):
        return parties(event.p.get("to")) + parties(event.p.get("cc"))
    return []
