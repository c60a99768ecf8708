"""inbound_messages and message_contents: a row per message, whole from its latest event (docs/semantics.md, section 5).

The text has a separate table, so most readers never need the right to see it.
"""

from typing import Any

from projections.engine.projection import Projection, Rows
from projections.engine.table import table
from projections.tables.exact_json import exact_json
from schemas.families.table import types_of
from schemas.kafka.record import Delivery
from schemas.reading.event import Event
from schemas.reading.normalize import integer, items, parties, party, text, timestamp, upper, vendor_id

INBOUND_MESSAGES = table(
    "inbound_messages",
    key="message_id text",
    winners=(
        (
            "occurred_at timestamptz, event_key uuid",
            """account text, messaging_profile_id text, sender text, recipients text[], cc text[], message_type text,
            encoding text, parts integer, carrier text, line_type text, autoresponse_type text,
            received_at timestamptz""",
        ),
    ),
)
MESSAGE_CONTENTS = table(
    "message_contents",
    key="message_id text",
    winners=(("occurred_at timestamptz, event_key uuid", "text text, media jsonb"),),
)


def message_text(payload: dict[str, Any]) -> str | None:
    """The text of the message, not trimmed. SMS has it in `text`, RCS and WhatsApp in `body`."""
    body = payload.get("body")
    body = body if isinstance(body, dict) else {}
    suggestion = body.get("suggestion_response")
    suggestion = suggestion if isinstance(suggestion, dict) else {}
    for found in (payload.get("text"), body.get("text"), suggestion.get("text")):
        if isinstance(found, str) and found:
            return found.replace("\x00", "\ufffd")
    return None


def rows(event: Event, delivery: Delivery) -> Rows:
    """Both rows of a message. A message without id has none."""
    payload = event.payload
    message_id = vendor_id(payload.get("id"))
    if message_id is None:
        return
    source = payload.get("from")
    source = source if isinstance(source, dict) else {}
    order = {"message_id": message_id, "occurred_at": event.occurred_at, "event_key": event.key}
    yield (
        INBOUND_MESSAGES,
        {
            **order,
            "account": delivery.account,
            "messaging_profile_id": vendor_id(payload.get("messaging_profile_id")),
            "sender": party(payload.get("from")),
            "recipients": parties(payload.get("to")),
            "cc": parties(payload.get("cc")),
            "message_type": text(payload.get("type")),
            "encoding": text(payload.get("encoding")),
            "parts": integer(payload.get("parts")),
            "carrier": text(source.get("carrier")),
            "line_type": text(source.get("line_type")),
            "autoresponse_type": upper(payload.get("autoresponse_type")),
            "received_at": timestamp(payload.get("received_at")) or event.occurred_at,
        },
    )
    media = exact_json(lambda found: items(found.get("media")), event, delivery.body)
    yield MESSAGE_CONTENTS, {**order, "text": message_text(payload), "media": media}


INBOUND = Projection(
    name="inbound",
    version=1,
    event_types=types_of("message-received"),
    tables=(INBOUND_MESSAGES, MESSAGE_CONTENTS),
    rows=rows,
)
