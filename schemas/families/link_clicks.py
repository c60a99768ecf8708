"""Link clicks: the only events without an event_type and a payload."""

from typing import Annotated

from msgspec import Meta, Struct

from schemas.families.envelope import Delivered, Id, Number, Time
from schemas.families.messages import Party

LINK_CLICKED = "link_clicked"  # the record_type, which serves as the event type


class LinkClick(Struct, frozen=True):
    """A person opened a shortened link. It has no event_type and no payload: the record is `data` itself."""

    record_type: Annotated[str, Meta(examples=["link_clicked"])]
    message_id: Id | None = None
    to: Party | Number | None = None
    url: str | None = None
    time_clicked: Time | None = None
    occurred_at: Time | None = None
    id: Id | None = None


class LinkClicked(Struct, frozen=True):
    """The body of a webhook, byte for byte as Telnyx signed it."""

    data: LinkClick
    meta: Delivered | None = None
