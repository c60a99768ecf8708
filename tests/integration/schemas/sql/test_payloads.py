"""The view of payloads has a row for every body, well-formed or not."""

import json

import asyncpg
import pytest

from tests.support.sql.rows import insert_event

BODIES: list[tuple[bytes, object]] = [
    (b'{"data":{"payload":{"text":"hi"}}}', {"text": "hi"}),
    (b'{"data":{"payload":{"text":"a\\u0000b"}}}', {"text": "a\ufffdb"}),
    (b'{"data":{"payload":{"text":"\\u0000\\u0000\\u0000"}}}', {"text": "\ufffd\ufffd\ufffd"}),
    (b'{"data":{"payload":{"text":"\\\\u0000"}}}', {"text": "\\u0000"}),
    (b'{"data":{"payload":{"text":"\\\\\\u0000"}}}', {"text": "\\\ufffd"}),
    (b'{"data":{"payload":{"text":"\\\\\\\\u0000"}}}', {"text": "\\\\u0000"}),
    (b'{"data":{"payload":{"text":"\\"\\u0000\\n\\u0000"}}}', {"text": '"\ufffd\n\ufffd'}),
    (b'{"data":{"payload":{"a\\u0000":{"b":["\\u0000"]}}}}', {"a\ufffd": {"b": ["\ufffd"]}}),
    (b'{"data":{"payload":{"cost":1e400}}}', {"cost": 10**400}),
    (b'{"data":{"payload":{"cost":1e-20000}}}', None),
    (b'{"data":{"payload":{"cost":1e200000}}}', None),
    (b'{"data":{"payload":{"text":"\\ud800"}}}', None),
    (b'{"data":{"payload":{"x":1,"x":2}}}', {"x": 2}),
    (b'{"data":{"payload":[1]}}', {}),
    (b'{"data":{"payload":null}}', {}),
    (b'{"data":{}}', {}),
    (b'{"data":{"record_type":"link_clicked","url":"u"}}', {"record_type": "link_clicked", "url": "u"}),
    (b'{"data":{"record_type":"link_clicked","event_type":" "}}', {"record_type": "link_clicked", "event_type": " "}),
    (b'{"data":{"record_type":"link_clicked","event_type":"link_clicked","payload":{"url":"u"}}}', {"url": "u"}),
    (b"[]", {}),
    (b'"text"', {}),
    (b"", None),
    (b"\xff\xfe", None),
    (b'{"data":{"payload":{"text":"\xed\xa0\x80"}}}', None),
    (b"\x00", None),
    (b"[" * 200_000, None),
    (b'{"data":{"payload":{}}}' + b"[" * 1_000 + b"]" * 1_000, None),
]


@pytest.mark.parametrize(("body", "payload"), BODIES, ids=lambda value: repr(value)[:60])
async def test_a_body_gives_its_payload_or_null(connection: asyncpg.Connection, body: bytes, payload: object) -> None:
    await insert_event(connection, body=body)
    seen = await connection.fetchval("select payload from telnyx.event_payloads")
    assert (None if seen is None else json.loads(seen)) == payload


async def test_one_malformed_body_does_not_hide_its_neighbours(connection: asyncpg.Connection) -> None:
    for body, _ in BODIES:
        await insert_event(connection, body=body)
    rows = await connection.fetch("select payload from telnyx.event_payloads order by position")
    assert len(rows) == len(BODIES)
    assert await connection.fetchval("select count(*) from telnyx.event_payloads where payload ->> 'text' = 'hi'") == 1


async def test_a_payload_nested_as_deeply_as_ingest_accepts_is_shown(connection: asyncpg.Connection) -> None:
    body = (
        b'{"data":{"payload":{"media":' + b"[" * 250 + b"]" * 250 + b'}},"meta":' + b"[" * 1_000 + b"]" * 1_000 + b"}"
    )
    await insert_event(connection, body=body)
    assert await connection.fetchval("select payload ? 'media' from telnyx.event_payloads")
