"""Harmful values, legal in JSON but not in Postgres or for a careless reader, and bodies that are not webhooks."""

import json
from typing import Any


class Raw(str):
    """JSON text that is written unchanged, for example unusual numbers."""

    __slots__ = ()


def written(value: Any) -> str:
    """JSON text of a value that may hold `Raw`."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{written(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


# No two numbers here equal the same double: different decimals would then have one event_key.
HOSTILE: list[Any] = [
    *(None, True, False, [], {}, [[]], [None, True, 7, "x", {"a": []}]),
    *(0, -1, 17, 2**31 - 1, 2**31, 2**63, 2**64 + 2**13, -(2**63) - 2**12),
    *map(Raw, ("1.5", "3e5", "1e-20000", "0.12345678901234567890", "-0", "-0.0", "1e300", "5e-400", "12" * 60)),
    *("", " ", "\u00a0\u2003", "\x1c", " padded\n", "a\0b", "\0", "NULL", "null", "\\", '"', "{", "a,b", "NaN"),
    *("Infinity", "x" * 255, "x" * 256, "\U0001d11e" * 255, "y" * 5000, "\u00df", "\u0130", "\ufb03"),
    *("'; drop table telnyx.events --", "$1", "%s", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59"),
    *("2026-02-30T00:00Z", "1970-01-01T00:00", "2199-12-31T23:59Z", {"amount": True}, {"amount": {}}),
    *({"phone_number": None, "agent_id": 5}, {"phone_number": "\0"}, {"code": 40300}, Raw("[" * 200 + "]" * 200)),
]
BROKEN: list[bytes] = [
    *(b"", b"null", b"[]", b"{}", b"{", b"nonsense", b"NaN", b'{"data":[]}', b'{"data":{}} ', b'{"data":{}}}'),
    *(b'\xef\xbb\xbf{"data":{}}', b'{"data":"\xed\xa0\x80"}', b'{"data":{"event_type":"\\ud800"}}'),
    *(b'{"data":{"x":1e400}}', b'{"sms_id":"1","type":"SMS"}', b'{"mms_id":"1","data":null}'),
    *(b'{"event_type":"message.sent","payload":{}}', b'{"data":{"event_type":"message.sent"}}'),
    b'{"data":{"event_type":"message.sent","occurred_at":"never"}}',
    *(b'{"data":{"x":' + b"[" * depth + b"]" * depth + b"}}" for depth in (253, 254, 1022, 1023, 2000)),
]
