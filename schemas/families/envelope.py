"""The envelope around every event, and the fields that families share, as msgspec types for consumers.

The types describe the bodies that Telnyx is known to send. Every field may be missing or null, unknown fields are
ignored, and a field takes every shape that the vendor's sources show. The projector does not decode with them, because
it must also read bodies that no type foresees (`schemas.reading.normalize`).
"""

from typing import Annotated, Any, Generic, TypeVar

from msgspec import Meta, Struct

Payload = TypeVar("Payload")

Id = Annotated[str | int, Meta(description="An opaque id; not always a UUID.")]
Time = Annotated[str, Meta(description="ISO 8601 with any number of fraction digits; no zone means UTC.")]
Amount = Annotated[str | int | float, Meta(description="A decimal, mostly as a string; never round it.")]
Number = Annotated[str | int, Meta(description="A phone number in +digits, a short code, a sender name, or masked.")]


class Delivered(Struct, frozen=True):
    """About this delivery, not about the event: differs between deliveries of one event. Nothing to rely on."""

    attempt: int | str | None = None
    delivered_to: str | None = None


class Data(Struct, Generic[Payload], frozen=True):
    """The event. Its identity is a hash of this whole object (`ce_id`), not `id`, which may be missing or repeat."""

    event_type: str
    payload: Payload | None = None
    id: Id | None = None
    occurred_at: Time | None = None
    record_type: str | None = None


class Webhook(Struct, Generic[Payload], frozen=True):
    """The body of a webhook, byte for byte as Telnyx signed it."""

    data: Data[Payload]
    meta: Delivered | None = None


AnyEvent = Webhook[Any]
