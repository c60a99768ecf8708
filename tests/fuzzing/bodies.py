"""Harmful bodies: vendor examples with mutated structure or bytes. The same seed gives the same bytes."""

import copy
import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from tests.support.webhooks import builders
from tests.support.webhooks.fixture_expectations import CASES, case_body
from tests.support.webhooks.malformed import BROKEN, HOSTILE, Raw, written

Place = tuple[Any, Any]  # a container, and the name or index of one of its values

OURS = [
    builders.message_sent(),
    builders.message_finalized(),
    builders.message_read(),
    builders.send_refused(),
    builders.stop_received(),
    builders.campaign_update(type="TCR_EVENT", description="CABC123 was shared", reasons=["x"], eventType="MNO_REVIEW"),
    builders.event("10dlc.brand.update", {"brandId": "b", "tcrBrandId": "BXYZ123", "identityStatus": "VERIFIED"}),
    builders.event("10dlc.phone_number.update", {"phoneNumber": "+1", "campaignId": "c", "type": "ASSIGNMENT"}),
    builders.spend_limit_reached(),
    builders.hosted_order(),
    builders.toll_free_update(),
    builders.link_clicked(),
    builders.unknown_event(),
]
# Bodies that are events are picked more often: a mutation of any other body is seldom an event.
WHOLE = [case_body(name) for name, case in CASES.items() if case.event] + [builders.encode(webhook) for webhook in OURS]
SEEDS = [*map(case_body, CASES), *WHOLE * 3]
TEXTS = [seed.decode() for seed in SEEDS]
TYPES = [
    *dict.fromkeys(webhook["data"]["event_type"] for webhook in OURS if "event_type" in webhook["data"]),
    *("message.received", "messaging_hosted_numbers_orders.", "10dlc.", "brand.x", "link_clicked", " message.sent "),
    *("MESSAGE.SENT", "message.sent\0", "x" * 300),
]
TIMES = ["2026-03-01T12:00:00Z", "2199-12-31t23:59:59.9999999+14:00", "1970-01-01 00:00-2359", "2024-02-29T24:00Z"]
SPELLINGS = [
    *("1e400", "-1E-400", "1e999999999999999999", "0e-99999999999999999999", "1" * 5000, "0." + "0" * 5000 + "1"),
    *('"\\u0000"', '"\\ud83d\\ude00"', "1e-20000", "-0.0", "99999999999999999999.00000000000000000001", '"\\ud800"'),
]
TOKENS = [
    *(b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\\u0000", b"\\ud800", b"null", b"1e400", b"\xff", b"\0"),
    *(b"NaN", b"01", b"+1", b"\\udfff\\ud800", b"1e999999999999999999", b"\xef\xbb\xbf", b"\xed\xa0\x80", b'"data":'),
    *(b'{"data":{', b"-", b"\n", b"\xf4\x90\x80\x80", b"/**/"),
]


def bodies(chance: Random) -> Iterator[bytes]:
    """An endless stream of bodies."""
    while True:
        kind = chance.random()
        if kind < 0.03:
            yield chance.randbytes(chance.randrange(200))
        elif kind < 0.06:
            yield b"".join(chance.choices(TOKENS, k=chance.randrange(40)))
        elif kind < 0.25:
            yield mutate_bytes(chance, chance.choice(SEEDS + BROKEN))
        else:
            body = mutate_structure(chance, chance.choice(TEXTS))
            yield mutate_bytes(chance, body) if chance.random() < 0.1 else body


def mutate_structure(chance: Random, text: str) -> bytes:
    """Changes the document's structure in a few places."""
    holder = [json.loads(text)]
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 8))):
        places = list(_places(holder))
        if not places:
            break
        chance.choice(STRUCTURE_MUTATIONS)(chance, *chance.choice(places))
    return written(holder[0]).encode() if holder else b""


def mutate_bytes(chance: Random, body: bytes) -> bytes:
    """Changes the bytes in a few places, without regard to JSON."""
    for _ in range(chance.choice((1, 1, 2, 4))):
        at = chance.randrange(len(body) + 1)
        body = chance.choice(BYTE_MUTATIONS)(chance, body[:at], body[at:])
    return body


# --- structure mutations ---------------------------------------------------------------------------------------------


def _places(container: Any) -> Iterator[Place]:
    items = container.items() if isinstance(container, dict) else enumerate(container)
    for name, value in items:
        yield container, name
        if isinstance(value, dict | list):
            yield from _places(value)


VALUES = [container[name] for text in dict.fromkeys(TEXTS) for container, name in _places([json.loads(text)])]
NAMES = sorted({name for text in TEXTS for _, name in _places([json.loads(text)]) if isinstance(name, str)})


def _hostile(chance: Random, container: Any, name: Any) -> None:
    container[name] = copy.deepcopy(chance.choice(HOSTILE))


def _foreign(chance: Random, container: Any, name: Any) -> None:
    container[name] = copy.deepcopy(chance.choice(VALUES))


def _spelled(chance: Random, container: Any, name: Any) -> None:
    container[name] = Raw(chance.choice(SPELLINGS))


def _dated(chance: Random, container: Any, name: Any) -> None:
    container[name] = chance.choice(TIMES)


def _typed(chance: Random, container: Any, name: Any) -> None:
    if isinstance(container, dict):
        container["event_type"] = chance.choice(TYPES)


def _gone(chance: Random, container: Any, name: Any) -> None:
    del container[name]


def _wrapped(chance: Random, container: Any, name: Any) -> None:
    value = container[name]
    objects = [{key: value} for key in ("phone_number", "code", "data", "amount")]
    container[name] = chance.choice([[value], [[value]], *objects])


def _many(chance: Random, container: Any, name: Any) -> None:
    container[name] = [container[name]] * chance.choice((2, 3, 40))


def _deep(chance: Random, container: Any, name: Any) -> None:
    depth = chance.choice((5, 100, 240, 250, 251, 252, 253, 254, 1019, 1020, 1021, 1022, 1023, 1024))
    opening, closing = chance.choice((("[", "]"), ('{"a":', "}")))
    container[name] = Raw(opening * depth + "1" + closing * depth)


def _renamed(chance: Random, container: Any, name: Any) -> None:
    if isinstance(container, dict):
        container[chance.choice((*chance.choices(NAMES, k=5), "", "\0", str(name).upper()))] = container.pop(name)


def _twice(chance: Random, container: Any, name: Any) -> None:
    """Repeats one name of an object."""
    value = container[name]
    if isinstance(value, dict) and value:
        again = written({chance.choice(list(value)): copy.deepcopy(chance.choice(VALUES))})
        container[name] = Raw(f"{written(value)[:-1]},{again[1:]}")


def _edited(chance: Random, container: Any, name: Any) -> None:
    value = container[name]
    if isinstance(value, str) and not isinstance(value, Raw):
        at = chance.randrange(len(value) + 1)
        odd = chance.choice(
            ("", "\0", " ", "\u00a0", "\u2028", "\U0010ffff", "\u202e", "\u0661", "+", ".", '"', "e", "x" * 300)
        )
        container[name] = chance.choice((value[:at] + odd + value[at:], value[:at] + odd, value.swapcase(), odd * 3))


STRUCTURE_MUTATIONS: list[Callable[[Random, Any, Any], None]] = [
    *(_hostile, _hostile, _foreign, _foreign, _edited, _edited, _spelled, _dated, _typed),
    *(_gone, _wrapped, _many, _deep, _renamed, _twice),
]


# --- byte mutations --------------------------------------------------------------------------------------------------


def _flipped(chance: Random, head: bytes, tail: bytes) -> bytes:
    return head + bytes([tail[0] ^ 1 << chance.randrange(8)]) + tail[1:] if tail else head


def _cut(chance: Random, head: bytes, tail: bytes) -> bytes:
    return head + tail[chance.choice((1, 2, 10, 10_000)) :]


def _token(chance: Random, head: bytes, tail: bytes) -> bytes:
    return head + chance.choice(TOKENS) * chance.choice((1, 1, 1, 2, 30, 1200)) + tail


def _noise(chance: Random, head: bytes, tail: bytes) -> bytes:
    return head + chance.randbytes(chance.choice((1, 2, 8))) + tail


def _spliced(chance: Random, head: bytes, tail: bytes) -> bytes:
    other = chance.choice(SEEDS)
    return head + other[chance.randrange(len(other)) :]


def _recoded(chance: Random, head: bytes, tail: bytes) -> bytes:
    return (head + tail).decode("latin-1").encode(chance.choice(("utf-8", "utf-16", "utf-7", "utf-32-le")))[:20_000]


BYTE_MUTATIONS: list[Callable[[Random, bytes, bytes], bytes]] = [
    _flipped, _flipped, _cut, _token, _noise, _spliced, _recoded,
]  # fmt: skip
