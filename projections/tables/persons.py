"""person_events: the webhooks that name a person. They are found without reading every event.

message_deliveries and inbound_messages keep only the latest webhook of a message, and evidence needs all of them.
"""

from projections.engine.projection import Projection, Rows
from projections.engine.table import table
from schemas.families.table import types_of
from schemas.kafka.record import Delivery
from schemas.reading.event import Event
from schemas.reading.normalize import parties, unique

PERSON_EVENTS = table(
    "person_events",
    key="phone_number text, occurred_at timestamptz, event_key uuid",
    constants="retention_class text",
)


def persons(event: Event) -> list[str]:
    """Each person of an event once: the sender of an inbound message, recipients, copied persons, link openers."""
    payload = event.payload
    named = parties([payload.get("from")] if event.type == "message.received" else payload.get("to"))
    copied = payload.get("cc")
    return named if copied is None else unique([*named, *parties(copied)])


def rows(event: Event, _delivery: Delivery) -> Rows:
    """One row for each person."""
    for phone in persons(event):
        yield (
            PERSON_EVENTS,
            {
                "phone_number": phone,
                "occurred_at": event.occurred_at,
                "event_key": event.key,
                "retention_class": event.retention_class,
            },
        )


PERSONS = Projection(
    name="persons",
    version=1,
    event_types=types_of("message-received", "message-delivery", "link-clicked"),
    tables=(PERSON_EVENTS,),
    rows=rows,
)
