"""Records of webhooks as ingest publishes them, for a projector with the keys of two accounts."""

from datetime import UTC, datetime

from projections.engine.batch import Incoming
from schemas.kafka.record import Delivery, Record, event_record, quarantine_record
from schemas.kafka.topics import Topics
from schemas.reading.event import Event, Unreadable, read
from schemas.reading.signing import KeyRing, parse_keys
from tests.support.webhooks import builders

NOW = datetime(2026, 3, 1, 12, 0, 1, tzinfo=UTC)
RING = KeyRing(parse_keys([builders.public_key_setting(), builders.public_key_setting(builders.OTHER_KEY, "other")]))


def published(delivery: Delivery, refused: str | None = None) -> Record:
    """The record that ingest publishes for a delivery, which its clock refused if there is a reason."""
    found = read(delivery.body)
    if isinstance(found, Event) and refused is None:
        return event_record(Topics(), found, delivery)
    reason = refused or (found.reason if isinstance(found, Unreadable) else "")
    return quarantine_record(Topics(), found.key, reason, delivery)


def incoming(
    body: bytes, *, account: str = "default", reason: str | None = None, signature: bytes | None = None
) -> Incoming:
    """The record of a body as ingest publishes it, signed by the account's key unless a signature is given."""
    key = builders.OTHER_KEY if account == "other" else builders.KEY
    good = builders.sign(body, 1772366400, key)
    delivery = Delivery(body, signature or good, "1772366400", builders.key_id(key), account, NOW)
    record = published(delivery, reason)
    return Incoming(record.value, record.headers, NOW)


def bodies(*webhooks: object) -> list[Incoming]:
    """The records of these webhooks, signed by the default account."""
    return [incoming(builders.encode(webhook)) for webhook in webhooks]
