"""docs/semantics.md, section 2: from the bytes of a delivery to an event, or to the reason for its quarantine."""

import hashlib
import json
import math
import re
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn

import orjson

from tests.oracle.values import Real, id_, lower, text, time

DEEPEST_TEXT = 1024
REGISTRY = ("10dlc.", "brand.", "campaign.", "messaging_hosted_numbers_orders.", "toll_free_verification.")


@dataclass(frozen=True)
class Delivery:
    """One delivery as it was stored.

    `refused` is a reason that does not follow from the body: stale_timestamp, future_timestamp or forged.
    """

    account: str
    key_id: str
    received_at: datetime
    body: bytes
    signature: bytes
    signed_timestamp: str
    refused: str | None = None


@dataclass(frozen=True)
class Event:
    """The content of a body; `p` is the payload of docs/semantics.md."""

    key: uuid.UUID
    type: str
    event_id: str | None
    occurred_at: datetime
    retention_class: str
    p: dict[str, object]
    delivery: Delivery

    @property
    def order(self) -> tuple[datetime, uuid.UUID]:
        return (self.occurred_at, self.key)

    @property
    def account(self) -> str:
        return self.delivery.account


@dataclass(frozen=True)
class Quarantined:
    """The reason of a quarantined delivery, and the key of its row."""

    key: uuid.UUID
    reason: str
    delivery: Delivery


def read(delivery: Delivery) -> Event | Quarantined:
    """The event, or the first reason against it."""
    found = _read_body(delivery)
    if delivery.refused is not None:
        return Quarantined(found.key, delivery.refused, delivery)
    return found


def _read_body(delivery: Delivery) -> Event | Quarantined:
    body_key = uuid.UUID(bytes=hashlib.blake2b(delivery.body, digest_size=16).digest())
    try:
        top = parse(delivery.body)
    except NotJson:
        return Quarantined(body_key, "not_json", delivery)
    data = top.get("data") if isinstance(top, dict) else None
    if not isinstance(data, dict):
        # Ambiguous: "has" sms_id asks for the name, not for a value.
        is_v1 = isinstance(top, dict) and ("sms_id" in top or "mms_id" in top)
        return Quarantined(body_key, "webhook_api_v1" if is_v1 else "no_data", delivery)
    key = event_key(delivery.body)
    if key is None:
        return Quarantined(body_key, "too_deep", delivery)
    return _read_data(key, data, delivery)


def _read_data(key: uuid.UUID, data: dict[str, object], delivery: Delivery) -> Event | Quarantined:
    payload = data.get("payload")
    p = payload if isinstance(payload, dict) else {}
    event_type = text(data.get("event_type"))
    # Ambiguous: the record type is a word of the vendor, so it is compared in any case.
    is_click = event_type is None and lower(data.get("record_type")) == "link_clicked"
    if is_click:
        event_type, p = "link_clicked", data
    if event_type is None:
        return Quarantined(key, "no_event_type", delivery)
    candidates = [time(data.get("occurred_at"))]
    if is_click:
        candidates.append(time(data.get("time_clicked")))
    if event_type.startswith("message."):
        candidates += [time(p.get(name)) for name in ("completed_at", "sent_at", "received_at")]
    times = [candidate for candidate in candidates if candidate is not None]
    if not times:
        return Quarantined(key, "no_occurred_at", delivery)
    return Event(key, event_type, id_(data.get("id")), times[0], retention_class(event_type), p, delivery)


def retention_class(event_type: str) -> str:
    if event_type == "message.received":
        return "consent"
    return "registry" if event_type.startswith(REGISTRY) else "traffic"


def event_key(body: bytes) -> uuid.UUID | None:
    """The key of a body whose `data` is an object; None without a canonical form. orjson defines that form."""
    try:
        canonical = orjson.dumps(orjson.loads(body)["data"], option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        return None
    return uuid.UUID(bytes=hashlib.blake2b(canonical, digest_size=16).digest())


# --- JSON, as the text defines it ------------------------------------------------------------------------------------


class NotJson(ValueError):
    """Not exactly one JSON text in UTF-8 without BOM."""


def parse(body: bytes) -> object:
    """The value of a body. Fractions and exponents stay as written; integers of any length are exact."""
    try:
        source = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotJson from error
    if source.startswith("\ufeff"):
        raise NotJson
    _check_tokens(source)
    with _deep_recursion():
        try:
            return json.loads(source, parse_int=_integer, parse_float=_real, parse_constant=_refuse)
        except ValueError as error:
            raise NotJson from error


def _check_tokens(source: str) -> None:
    """Refuses nesting over 1,024 and lone surrogates, which the standard library accepts."""
    depth = 0
    for token in re.findall(r'"(?:[^"\\]|\\.)*"|[\[{\]}]', source, re.DOTALL):
        if token in "[{":
            depth += 1
        elif token in "]}":
            depth -= 1
        elif "\\" in token and _has_lone_surrogate(token):
            raise NotJson
        if depth > DEEPEST_TEXT:
            raise NotJson


def _has_lone_surrogate(string: str) -> bool:
    escapes = string.replace(r"\\", "x")
    paired = re.sub(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}", "x", escapes)
    return re.search(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}", paired) is not None


# Ambiguous: a number that no double can hold (1e400) is legal JSON, but orjson.loads refuses it, so that such a body
# can have no event_key: it is `not_json`, wherever in the body it stands.
def _integer(written: str) -> int:
    return int(written) if math.isfinite(float(written)) else _refuse(written)


def _real(written: str) -> Real:
    return Real(written) if math.isfinite(float(written)) else _refuse(written)


def _refuse(_written: str) -> NoReturn:
    raise NotJson


@contextmanager
def _deep_recursion() -> Iterator[None]:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(before + 4 * DEEPEST_TEXT)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
