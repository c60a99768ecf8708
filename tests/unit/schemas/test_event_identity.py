"""Golden vectors: an upgrade of a library must not change the identity or the time of an event."""

from datetime import UTC, datetime
from decimal import Decimal

import orjson
import pytest

from schemas.reading.event import Event, Unreadable, content_key, exact_payload, read
from schemas.reading.normalize import money, timestamp
from tests.oracle import bodies, values
from tests.support.webhooks.oracle_rows import delivery

# (data as it is spelled on the wire, canonical form, event_key)
VECTORS = {
    "names are sorted by code point": (
        '{"b":1,"a":{"d":2,"c":3},"\u00e9":4,"Z":5}',
        '{"Z":5,"a":{"c":3,"d":2},"b":1,"\u00e9":4}',
        "12fba50f-3ed6-076b-009a-7ccc8f3abf9c",
    ),
    "white space and escapes are not content": (
        '{ "t" : "\\u0041\\/\\n" , "n" : [ 1 , 2 ] }',
        '{"n":[1,2],"t":"A/\\n"}',
        "3535184b-1871-0557-dec8-318f8be228a5",
    ),
    "the last of repeated names counts": ('{"a":1,"a":2}', '{"a":2}', "cb720520-f35a-7a4d-fa14-b53390567962"),
    "fractions in their shortest form": (
        '{"a":0.10,"b":1e2,"c":5e-324,"d":-0.0}',
        '{"a":0.1,"b":100.0,"c":5e-324,"d":-0.0}',
        "9bd7e031-fa88-659c-6bd3-b70d6ce0327c",
    ),
    # orjson 3.11 wrote 1.8446744073709552e19: the reason why its minor version is pinned
    "integers over 64 bits are doubles": (
        '{"a":18446744073709551615,"b":18446744073709551616}',
        '{"a":18446744073709551615,"b":1.8446744073709552e+19}',
        "3f01ed31-ce77-0e74-d76d-f234dcba2b38",
    ),
    "what JSON must escape is escaped in one way": (
        '{"a":"\\u0000\\u001f\\"\\\\\u007f"}',
        '{"a":"\\u0000\\u001f\\"\\\\\u007f"}',
        "ae32131c-bfee-1404-a460-2821534ef266",
    ),
    "text beyond the basic plane stays text": (
        '{"a":"\\ud83d\\ude00"}',
        '{"a":"😀"}',
        "340e2a6a-8933-86f3-a4a1-0decc0b4514a",
    ),
}


@pytest.mark.parametrize(("spelled", "canonical", "key"), VECTORS.values(), ids=VECTORS.keys())
def test_the_canonical_form_is_pinned(spelled: str, canonical: str, key: str) -> None:
    assert orjson.dumps(orjson.loads(spelled), option=orjson.OPT_SORT_KEYS).decode() == canonical
    assert content_key(canonical.encode()) == key
    found = read(f'{{"meta":{{"attempt":3}},"data":{spelled}}}'.encode())
    assert isinstance(found, Unreadable)
    assert found == Unreadable("no_event_type", key)


TIMES: dict[str | int, datetime | None] = {
    "2024-08-07T17:22:37.328+00:00": datetime(2024, 8, 7, 17, 22, 37, 328000, UTC),
    "2024-08-07T17:22:37.50+00:00": datetime(2024, 8, 7, 17, 22, 37, 500000, UTC),
    "2024-08-07T17:22:37Z": datetime(2024, 8, 7, 17, 22, 37, 0, UTC),
    "2024-08-07t17:22:37.123456z": datetime(2024, 8, 7, 17, 22, 37, 123456, UTC),
    "2024-08-07T17:22:37.1234569": datetime(2024, 8, 7, 17, 22, 37, 123456, UTC),
    "2024-08-07T17:22:37.999999999999Z": datetime(2024, 8, 7, 17, 22, 37, 999999, UTC),
    "2025-04-28 12:00:38.631252+00:00": datetime(2025, 4, 28, 12, 0, 38, 631252, UTC),
    "2024-08-07T17:22": datetime(2024, 8, 7, 17, 22, tzinfo=UTC),
    "2024-08-07T17:22Z": datetime(2024, 8, 7, 17, 22, tzinfo=UTC),
    "2024-08-07T23:22:37+05": datetime(2024, 8, 7, 18, 22, 37, tzinfo=UTC),
    "2024-08-07T23:22:37-0530": datetime(2024, 8, 8, 4, 52, 37, tzinfo=UTC),
    "\u2003 2024-08-07T17:22:37Z \n": datetime(2024, 8, 7, 17, 22, 37, tzinfo=UTC),
    " 2024-08-07t17:22z ": datetime(2024, 8, 7, 17, 22, tzinfo=UTC),
    "2024-08-07 17:22:37.1234569": datetime(2024, 8, 7, 17, 22, 37, 123456, UTC),
    "2024-08-07T17:22:37.5+0530": datetime(2024, 8, 7, 11, 52, 37, 500000, UTC),
    "2024-08-07T17:22-05": datetime(2024, 8, 7, 22, 22, tzinfo=UTC),
    "1970-01-01T00:00:00Z": datetime(1970, 1, 1, tzinfo=UTC),
    "1969-12-31T23:30:00-01:00": datetime(1970, 1, 1, 0, 30, tzinfo=UTC),
    "2199-12-31T23:59:59.999999Z": datetime(2199, 12, 31, 23, 59, 59, 999999, UTC),
    "2199-12-31T23:59:59-00:01": None,
    "1970-01-01T00:00:00+00:01": None,
    "0001-01-01T00:00:00+14:00": None,
    "9999-12-31T23:59:59-14:00": None,
    "2024-02-30T00:00:00Z": None,
    "2023-02-29T00:00Z": None,
    "2024-08-07T24:00:00Z": None,
    "2024-08-07T17:22:60Z": None,
    "2024-08-07T17:22:37+24:00": None,
    "2024-08-07T17:22:37+05:60": None,
    "2024-08-07T17:22:37.Z": None,
    "2024-08-07T17:22:37,5Z": None,
    "2024-08-07T17:22.5Z": None,
    "2024-08-07T17:22:37+1": None,
    "2024-08-07T17Z": None,
    "2024-08-07": None,
    "2024-W32-3T17:22:37Z": None,
    "20240807T172237Z": None,
    "2024-08-07T17:22:37 Z": None,
    "\uff12\uff10\uff12\uff14-08-07T17:22:37Z": None,
    "\u0662\u0660\u0662\u0664-01-01T00:00Z": None,
    "date-time": None,
    "": None,
    1588280767: None,
}


@pytest.mark.parametrize(("spelled", "instant"), TIMES.items())
def test_the_time_parser_is_pinned(spelled: str | int, instant: datetime | None) -> None:
    assert timestamp(spelled) == values.time(spelled) == instant


GOOD = b'{"data":{"event_type":"x","occurred_at":"2024-01-01T00:00Z"%b}}'


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        *((body, "not_json") for body in (b"", b"NaN", b"{} {}", b"\xef\xbb\xbf{}", b'{"data":{}} x')),
        *((b'{"data":{"a":%b}}' % value, "not_json") for value in (b"NaN", b'"\\ud800"', b'"\xff"', b"1e400")),
        (b'{"data":"\xed\xa0\x80"}', "not_json"),
        (b'{"data":' + b"[" * 2000 + b"]" * 2000 + b"}", "not_json"),
        (b"[" * 1024 + b"]" * 1024, "no_data"),
        (b"[" * 1025 + b"]" * 1025, "not_json"),
        *((body, "webhook_api_v1") for body in (b'{"sms_id":null}', b'{"sms_id":null,"data":[]}', b'{"mms_id":"x"}')),
        (b'{"mms_id":1,"data":[]}', "webhook_api_v1"),
        *((body, "no_data") for body in (b"{}", b"[]", b'{"data":[]}', b'{"data":null}')),
        (GOOD % (b',"x":' + b"[" * 253 + b"]" * 253), None),
        (GOOD % (b',"x":' + b"[" * 254 + b"]" * 254), "too_deep"),
        *((body, "no_event_type") for body in (b'{"data":{}}', b'{"sms_id":1,"data":{}}')),
        (b'{"data":{"event_type":" ","occurred_at":"2024-01-01T00:00Z"}}', "no_event_type"),
        (b'{"data":{"event_type":"x"}}', "no_occurred_at"),
        (b'{"data":{"event_type":"x","payload":{"sent_at":"2024-01-01T00:00Z"}}}', "no_occurred_at"),
        (b'{"data":{"event_type":"x","payload":{"received_at":"2024-01-01T00:00Z"}}}', "no_occurred_at"),
        (b'{"data":{"event_type":"10dlc.x","payload":{"createdDate":"2024-01-01T00:00Z"}}}', "no_occurred_at"),
        (b'{"data":{"event_type":"x","time_clicked":"2024-01-01T00:00Z"}}', "no_occurred_at"),
        (b'{"data":{"event_type":"message.x","payload":{"sent_at":"2024-01-01T00:00Z"}}}', None),
        (b'{"data":{"record_type":"link_clicked","time_clicked":"2024-01-01T00:00Z"}}', None),
        (b'{"data":{"event_type":"\\\\ud800","occurred_at":"2024-01-01T00:00Z"}}', None),
        (b'{"data":{"event_type":"\\ud83d\\ude00","occurred_at":"2024-01-01T00:00Z"}}', None),
        (GOOD % b"", None),
    ],
)
def test_an_unreadable_body_has_the_first_reason_that_applies(body: bytes, reason: str | None) -> None:
    found, expected = read(body), bodies.read(delivery(body))
    assert (found.reason if isinstance(found, Unreadable) else None) == reason
    assert (expected.reason if isinstance(expected, bodies.Quarantined) else None) == reason


def test_meta_does_not_change_the_event_key() -> None:
    data = '{"event_type":"x","occurred_at":"2024-01-01T00:00Z"}'
    first, again = (read(f'{{"data":{data},"meta":{{"attempt":{n}}}}}'.encode()) for n in (1, 2))
    assert isinstance(first, Event)
    assert first == again


def test_a_message_without_occurred_at_takes_its_first_readable_time() -> None:
    body = (
        b'{"data":{"event_type":"message.sent","payload":{"received_at":"2024-01-01T00:00Z","sent_at":"2024-01-02"}}}'
    )
    found = read(body)
    assert isinstance(found, Event)
    assert found.occurred_at == datetime(2024, 1, 1, tzinfo=UTC)


def test_a_link_click_needs_no_event_type() -> None:
    found = read(b'{"data":{"record_type":"link_clicked","time_clicked":"2024-01-01T00:00Z","to":"18445550001"}}')
    assert isinstance(found, Event)
    assert (found.type, found.payload["to"], found.retention_class) == ("link_clicked", "18445550001", "traffic")


def test_money_is_the_decimal_as_written() -> None:
    body = (
        b'{"data":{"event_type":"message.sent","occurred_at":"2024-01-01T00:00Z",'
        b'"payload":{"a":0.12345678901234567890,"b":99999999999999999999,"c":1e5,"d":1e-20000,'
        b'"e":1e-99999999999999999999,"f":0e99999999999999999999}}}'
    )
    found = read(body)
    assert isinstance(found, Event)
    payload = exact_payload(found, body)
    assert [money(payload[name]) for name in "abcdef"] == [
        Decimal("0.12345678901234567890"),
        Decimal(99999999999999999999),
        Decimal(100000),
        None,
        None,
        Decimal(0),
    ]


@pytest.mark.parametrize("spelled", ["", " 1", "1.", ".1", "1e5", "+1", "NaN", "1" * 21, "0." + "1" * 21, "\u0661"])
def test_money_in_other_spellings_is_missing(spelled: str) -> None:
    assert money(spelled) is values.money(spelled) is None
