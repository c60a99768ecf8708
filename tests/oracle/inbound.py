"""docs/semantics.md, section 5: inbound_messages and message_contents, each row whole from its latest event."""

from collections.abc import Sequence

from tests.oracle.bodies import Event
from tests.oracle.rows import Rows
from tests.oracle.values import id_, int_, jsonb, list_, member, parties, party, text, time, upper


def message_text(p: dict[str, object]) -> str | None:
    """The text of a message as the person wrote it: first non-empty string, not trimmed."""
    body = p.get("body")
    candidates = [p.get("text"), member(body, "text"), member(member(body, "suggestion_response"), "text")]
    found = [candidate for candidate in candidates if isinstance(candidate, str) and candidate]
    return found[0].replace("\0", "\ufffd") if found else None


def _latest(events: Sequence[Event]) -> dict[str, Event]:
    latest: dict[str, Event] = {}
    for event in sorted(events, key=lambda event: event.order):
        message_id = id_(event.p.get("id"))
        if event.type == "message.received" and message_id is not None:
            latest[message_id] = event
    return latest


def inbound_messages(events: Sequence[Event]) -> Rows:
    rows: Rows = {}
    for message_id, event in _latest(events).items():
        p = event.p
        rows[message_id,] = {
            "message_id": message_id,
            "account": event.account,
            "messaging_profile_id": id_(p.get("messaging_profile_id")),
            "sender": party(p.get("from")),
            "recipients": parties(p.get("to")),
            "cc": parties(p.get("cc")),
            "message_type": text(p.get("type")),
            "encoding": text(p.get("encoding")),
            "parts": int_(p.get("parts")),
            "carrier": text(member(p.get("from"), "carrier")),
            "line_type": text(member(p.get("from"), "line_type")),
            "autoresponse_type": upper(p.get("autoresponse_type")),
            "received_at": time(p.get("received_at")) or event.occurred_at,
            "event_key": event.key,
        }
    return rows


def message_contents(events: Sequence[Event]) -> Rows:
    return {
        (message_id,): {
            "message_id": message_id,
            "text": message_text(event.p),
            "media": jsonb(list_(event.p.get("media"))),
            "event_key": event.key,
        }
        for message_id, event in _latest(events).items()
    }
