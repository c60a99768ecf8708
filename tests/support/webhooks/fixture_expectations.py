"""The bytes of each vendor example of `tests/fixtures`, and its whole expected rows with keys and account."""

import hashlib
import json
import uuid
from datetime import UTC, datetime
from pathlib import Path

import orjson

from tests.contract.tables import TABLES
from tests.support.webhooks.fixture_cases import DATED, EXPECTED, WRAPPED, Row

RECEIVED_AT = datetime(2026, 7, 1, tzinfo=UTC)
FIXTURES = Path(__file__).parents[2] / "fixtures"
CASES = {
    **EXPECTED,
    **{f"wrapped {file}": expected for file, expected in WRAPPED.items()},
    **{f"dated {file}": expected for file, expected in DATED.items()},
}
# The person of each example; no example has two.
PERSONS = {
    "examples_mms_media_type_key.json": "+12125550100",
    "examples_shortcode_help.json": "+12125551234",
    "kb_migration_v2_message_sent_from_string.json": "+18005550199",
    "kb_rcs_inbound_text.json": "+13125000000",
    "kb_rcs_message_read.json": "+13125000000",
    "node_test_special_chars.json": "+15551234567",
    "skills_message_received_strings.json": "+15559876543",
    "skills_twilio_migration_meta_attempt_only.json": "+15551234567",
    "skills_whatsapp_finalized.json": "+18005551234",
    "wrapped mock_message_received_to_string.json": "+18665550001",
    "wrapped oas_outbound_message.json": "+18665550001",
    "wrapped oas_replaced_link_click.json": "+18445550001",
}


def body_of(file: str, *, wrapped: bool = False, dated: bool = False) -> bytes:
    content = (FIXTURES / file).read_bytes()
    if dated:
        content = content.replace(b'"data": {', b'"data": {"occurred_at": "2026-07-01T12:00:00Z",', 1)
    return b'{"data":' + content + b"}" if wrapped else content


def key_of(body: bytes) -> uuid.UUID:
    """The event_key if `data` is an object, else the quarantine_key of the bytes."""
    data = json.loads(body).get("data")
    content = orjson.dumps(data, option=orjson.OPT_SORT_KEYS) if isinstance(data, dict) else body
    return uuid.UUID(bytes=hashlib.blake2b(content, digest_size=16).digest())


def case_body(name: str) -> bytes:
    """The bytes to post for a case of `CASES`."""
    case = CASES[name]
    return body_of(name.rsplit(" ", maxsplit=1)[-1], wrapped=case.wrapped, dated=case.dated)


def expected_rows(name: str, account: str) -> dict[str, Row]:
    """The one row per table, with keys and account; events and quarantine without the evidence columns."""
    body, expected = case_body(name), CASES[name]
    key = key_of(body)
    if expected.event is None:
        row = {"quarantine_key": key, "account": account, "reason": expected.reason, "body": body}
        return {"quarantined_webhooks": row}
    event_type, event_id, occurred_at, retention_class = expected.event
    event = {
        "event_key": key,
        "event_id": event_id,
        "account": account,
        "event_type": event_type,
        "retention_class": retention_class,
        "occurred_at": occurred_at,
        "body": body,
    }
    rows = {table: dict(row) for table, row in expected.rows.items()}
    for table, row in rows.items():
        row["event_key" if "event_key" in TABLES[table].columns else "last_event_key"] = key
        if "account" in TABLES[table].columns:
            row["account"] = account
    if name in PERSONS:
        names = ("event_key", "occurred_at", "retention_class")
        rows["person_events"] = {"phone_number": PERSONS[name], **{column: event[column] for column in names}}
    return {"events": event, **rows}
