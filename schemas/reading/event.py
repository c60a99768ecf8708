"""Turns a webhook body into an event. `read` never raises, and the same `data` always gives the same event.

Identity is content: event_key = BLAKE2b-128 of the canonical JSON of `data`. Test vectors in tests/unit pin the
canonical form, because a change to it would make every stored event look new.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec
import orjson

from schemas.families.link_clicks import LINK_CLICKED
from schemas.families.table import family_of
from schemas.reading.canonical import canonical
from schemas.reading.normalize import lower, text, timestamp, vendor_id


def _decimal(written: str) -> Decimal:
    """A fraction as written. Exponents of 19 digits and more are legal JSON, but Decimal cannot hold them."""
    try:
        return Decimal(written)
    except InvalidOperation:  # the number is finite, so such an exponent without a minus sign belongs to a zero
        return Decimal("NaN" if "e-" in written.lower() else 0)


_EXACT = msgspec.json.Decoder(float_hook=_decimal)


class Event(NamedTuple):
    """One event that Telnyx reported. `key` is the event_key as canonical uuid text, which sorts like its bytes.

    `payload` is the object `data.payload`. It is empty where the payload is not an object, and is `data` itself for a
    link click.
    """

    key: str
    type: str
    id: str | None
    occurred_at: datetime
    retention_class: str
    data: dict[str, Any]
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A signed body that is not an event. `reason` is one of the contract's words, `key` is the quarantine_key."""

    reason: str
    key: str


def read(body: bytes) -> Event | Unreadable:
    """The event in a body. Never raises, for any bytes."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Unreadable("not_json", content_key(body))
    data = document.get("data") if isinstance(document, dict) else None
    if not isinstance(data, dict):
        old = isinstance(document, dict) and ("sms_id" in document or "mms_id" in document)
        return Unreadable("webhook_api_v1" if old else "no_data", content_key(body))
    try:
        key = content_key(canonical(data, body))
    except orjson.JSONEncodeError:
        return Unreadable("too_deep", content_key(body))
    return _event(key, data)


def _event(key: str, data: dict[str, Any]) -> Event | Unreadable:
    payload = data.get("payload")
    event_type = text(data.get("event_type"))
    click = event_type is None and lower(data.get("record_type")) == LINK_CLICKED
    if click:
        event_type, payload = LINK_CLICKED, data
    if event_type is None:
        return Unreadable("no_event_type", key)
    if not isinstance(payload, dict):
        payload = {}
    occurred_at = timestamp(data.get("occurred_at")) or _fallback_time(event_type, payload, click=click)
    if occurred_at is None:
        return Unreadable("no_occurred_at", key)
    retention_class = family_of(event_type).retention_class
    return Event(key, event_type, vendor_id(data.get("id")), occurred_at, retention_class, data, payload)


def _fallback_time(event_type: str, payload: dict[str, Any], *, click: bool) -> datetime | None:
    if click:
        return timestamp(payload.get("time_clicked"))
    if event_type.startswith("message."):
        for name in ("completed_at", "sent_at", "received_at"):
            found = timestamp(payload.get(name))
            if found is not None:
                return found
    return None


def content_key(content: bytes) -> str:
    """BLAKE2b-128 as canonical uuid text. All 128 bits are hash: none of them is a uuid version."""
    digits = blake2b(content, digest_size=16).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def exact_payload(event: Event, body: bytes) -> dict[str, Any]:
    """The event's payload with every fraction as the Decimal that was written, and with integers of any size."""
    try:
        data = _EXACT.decode(body)["data"]
    except RecursionError:  # nested too deeply for this decoder, outside `data`: use the numbers that orjson read
        return event.payload
    exact: dict[str, Any] = data if event.payload is event.data else data["payload"]
    return exact


def with_exact_numbers(
    found_in: Callable[[dict[str, Any]], tuple[Any, ...]], event: Event, body: bytes
) -> tuple[Any, ...]:
    """The values that `found_in` takes from the payload, with fractions as written.

    The body is decoded a second time only if one of the values is a fraction.
    """
    found = found_in(event.payload)
    return found_in(exact_payload(event, body)) if any(isinstance(value, float) for value in found) else found
