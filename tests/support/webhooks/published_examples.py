"""The published examples: bodies of `schemas/examples` and their records, signed by an example key."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from nacl.signing import SigningKey

import schemas
from schemas.kafka.record import Delivery, Record
from tests.support.projections.signed_records import published
from tests.support.webhooks import builders

EXAMPLES = Path(schemas.__file__).parent / "examples"
EXAMPLE_KEY = SigningKey(hashlib.sha256(b"telnyx-ledger example key").digest())
RECEIVED_AT = datetime(2026, 1, 20, 20, 0, 0, 250000, tzinfo=UTC)
ABOUT = (
    "What a consumer of Kafka gets for the bodies beside this file. Each header value is UTF-8 text; the value is the "
    "file, byte for byte, and its signature verifies with public_key. The key is for examples only."
)


def bodies() -> dict[str, bytes]:
    """The example bodies by file name."""
    return {path.name: path.read_bytes() for path in sorted(EXAMPLES.glob("*.json")) if path.name != "records.json"}


def record_of(body: bytes) -> Record:
    """The record that ingest publishes for a body, signed by the example key."""
    stamp = str(int(RECEIVED_AT.timestamp()))
    signature = builders.sign(body, stamp, EXAMPLE_KEY)
    delivery = Delivery(body, signature, stamp, builders.key_id(EXAMPLE_KEY), "default", RECEIVED_AT)
    return published(delivery)


def headers_of(record: Record) -> dict[str, str]:
    """The headers as a consumer would print them; fails on a repeated one."""
    found = {name: content.decode() for name, content in record.headers}
    assert len(found) == len(record.headers)
    return found


def records_document() -> bytes:
    """The expected content of the published `records.json`."""
    records: list[dict[str, Any]] = []
    for name, body in bodies().items():
        record = record_of(body)
        key = record.key.decode()
        records.append({"topic": record.topic, "key": key, "headers": headers_of(record), "value": name})
    public_key = builders.public_key_setting(EXAMPLE_KEY).removeprefix("default:")
    document = {"about": ABOUT, "public_key": public_key, "records": records}
    return orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n"
