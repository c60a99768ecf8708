"""Toll-free verifications: the latest status of each, as one row (docs/semantics.md, section 8)."""

import re

from projections.engine.projection import Projection, Rows
from projections.engine.table import Row, table
from schemas.families.table import types_of
from schemas.kafka.record import Delivery
from schemas.reading.event import Event
from schemas.reading.normalize import lower, text, vendor_id

TOLL_FREE_VERIFICATIONS = table(
    "toll_free_verifications",
    key="verification_id text",
    winners=(("status_at timestamptz, last_event_key uuid", "account text, status text, reason text"),),
)

_STATUS_GAP = re.compile(r"[ _-]+")


def toll_free_rows(event: Event, delivery: Delivery) -> Rows:
    """One row for the verification. An event without its id or a status has none."""
    get = event.payload.get
    verification_id, status = vendor_id(get("id")), lower(get("status"))
    if verification_id is None or status is None:
        return
    row: Row = {
        "verification_id": verification_id,
        "account": delivery.account,
        "status": _STATUS_GAP.sub("_", status),
        "reason": text(get("rejectionReason")) or text(get("rejection_reason")) or text(get("reason")),
        "status_at": event.occurred_at,
        "last_event_key": event.key,
    }
    yield TOLL_FREE_VERIFICATIONS, row


TOLL_FREE = Projection(
    name="toll_free",
    version=1,
    event_types=types_of("toll-free-verification"),
    tables=(TOLL_FREE_VERIFICATIONS,),
    rows=toll_free_rows,
)
