"""Link clicks: one row for each time that a person opened a shortened link (docs/semantics.md, section 8)."""

from projections.engine.projection import Projection, Rows
from projections.engine.table import Row, table
from schemas.families.table import types_of
from schemas.kafka.record import Delivery
from schemas.reading.event import Event
from schemas.reading.normalize import party, text, timestamp, vendor_id

LINK_CLICKS = table(
    "link_clicks",
    key="event_key uuid",
    constants="account text, message_id text, recipient text, url text, clicked_at timestamptz",
)


def link_click_rows(event: Event, delivery: Delivery) -> Rows:
    """One row: a person opened a shortened link."""
    get = event.payload.get
    row: Row = {
        "event_key": event.key,
        "account": delivery.account,
        "message_id": vendor_id(get("message_id")),
        "recipient": party(get("to")),
        "url": text(get("url")),
        "clicked_at": timestamp(get("time_clicked")) or event.occurred_at,
    }
    yield LINK_CLICKS, row


CLICKS = Projection(
    name="link_clicks",
    version=1,
    event_types=types_of("link-clicked"),
    tables=(LINK_CLICKS,),
    rows=link_click_rows,
)
