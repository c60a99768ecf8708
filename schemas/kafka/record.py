"""Records between ingest and the projector, in Kafka and in the spool. No other module writes or reads headers.

The value is the body, byte for byte. Headers follow the CloudEvents 1.0 Kafka binding in binary mode. A reader trusts
none of them: it takes key, type and time from the body again, and verifies the signature again.
"""

from binascii import Error, a2b_base64, b2a_base64
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import msgspec
import orjson

from schemas.kafka.topics import Topics, record_key
from schemas.reading.event import Event
from schemas.reading.normalize import text, timestamp

QUARANTINED = "ledger.quarantined"
CONTRACT = b"1"

Headers = tuple[tuple[str, bytes], ...]


class Delivery(NamedTuple):
    """One signed webhook as received: the evidence. `signature` is 64 raw bytes; `account` is that of the key."""

    body: bytes
    signature: bytes
    signed_timestamp: str
    key_id: str
    account: str
    received_at: datetime


class Record(NamedTuple):
    """A record for Kafka or the spool. `event_key` is its `ce_id`; `topic` includes the prefix."""

    topic: str
    key: bytes
    value: bytes
    headers: Headers
    event_key: str


class Arrival(NamedTuple):
    """A record as read back. Everything in it except the body is unverified. A missing header is '' or b''."""

    delivery: Delivery
    quarantine_reason: str | None


def event_record(topics: Topics, event: Event, delivery: Delivery) -> Record:
    head = (
        ("ce_specversion", b"1.0"),
        ("ce_id", event.key.encode()),
        ("ce_type", event.type.encode()),
        ("ce_source", b"telnyx/" + delivery.account.encode()),
        ("ce_time", _rfc3339_bytes(event.occurred_at)),
    )
    return Record(
        topics.of(event.type), record_key(event).encode(), delivery.body, head + _evidence(delivery), event.key
    )


def quarantine_record(topics: Topics, quarantine_key: str, reason: str, delivery: Delivery) -> Record:
    """The record of a signed body that is not (or not yet) an event."""
    head = (
        ("ce_specversion", b"1.0"),
        ("ce_id", quarantine_key.encode()),
        ("ce_type", QUARANTINED.encode()),
        ("ce_source", b"telnyx/" + delivery.account.encode()),
    )
    tail = (("ledger_reason", reason.encode()),)
    return Record(
        topics.quarantine, quarantine_key.encode(), delivery.body, head + _evidence(delivery) + tail, quarantine_key
    )


def _evidence(delivery: Delivery) -> Headers:
    return (
        ("content-type", b"application/json"),
        ("telnyx-signature-ed25519", b2a_base64(delivery.signature, newline=False)),
        ("telnyx-timestamp", delivery.signed_timestamp.encode()),
        ("ledger_key_id", delivery.key_id.encode()),
        ("ledger_received_at", _rfc3339_bytes(delivery.received_at)),
        ("ledger_contract", CONTRACT),
    )


def rfc3339(moment: datetime) -> str:
    """RFC 3339 with Z, for an aware UTC instant."""
    return _rfc3339_bytes(moment).decode()


def _rfc3339_bytes(moment: datetime) -> bytes:
    # Takes a quarter of the time of datetime.isoformat.
    return orjson.dumps(moment, option=orjson.OPT_UTC_Z)[1:-1]


def decode(value: bytes, headers: Iterable[tuple[str, bytes]], *, fallback_received_at: datetime) -> Arrival:
    """The content of a record, unverified. Never raises.

    A header that is missing or unreadable is empty, and the first of a repeated header counts.
    `fallback_received_at` (Kafka's time of append) replaces a `ledger_received_at` that is unreadable.
    """
    found = dict(reversed(tuple(headers)))
    try:
        signature = a2b_base64(found.get("telnyx-signature-ed25519") or b"", strict_mode=True)
    except Error:
        signature = b""
    delivery = Delivery(
        body=value,
        signature=signature,
        signed_timestamp=_text_of(found.get("telnyx-timestamp")),
        key_id=_text_of(found.get("ledger_key_id")),
        account=_text_of(found.get("ce_source")).removeprefix("telnyx/"),
        received_at=timestamp(_text_of(found.get("ledger_received_at"))) or fallback_received_at,
    )
    reason = _text_of(found.get("ledger_reason")) if found.get("ce_type") == QUARANTINED.encode() else None
    return Arrival(delivery, reason)


def _text_of(content: bytes | None) -> str:
    return (text(content.decode(errors="replace")) if content else None) or ""


_Packed = tuple[str, bytes, bytes, Headers, str]
_UNPACK = msgspec.msgpack.Decoder(_Packed)


def pack(record: Record) -> bytes:
    """A record as one blob, for the spool."""
    return msgspec.msgpack.encode((record.topic, record.key, record.value, record.headers, record.event_key))


def unpack(blob: bytes) -> Record:
    """The record in a blob. Raises msgspec.DecodeError for a blob that `pack` did not make."""
    return Record(*_UNPACK.decode(blob))
