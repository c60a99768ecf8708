"""An endless stream of webhooks whose bytes and order follow from a seed, without product code.

Messages are sent, finalized and read; persons opt out and in again; one in ten is delivered twice; all of it is out of
order. A few are of other families, or unreadable.
"""

import hashlib
import json
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import orjson

from tests.support.webhooks import builders
from tests.support.webhooks.builders import Json, encode

FIRST_DAY = datetime(2026, 9, 1, tzinfo=UTC)
DAYS = 75  # several monthly partitions are created under load
WINDOW = 60  # how far out of order
STATUSES = ("delivered", "delivered", "delivered", "sending_failed", "delivery_failed", "delivery_unconfirmed")
BLOCKED = [{"code": "40300", "title": "Blocked due to STOP message"}]


@dataclass(frozen=True, slots=True)
class Webhook:
    """A body, its key, and whether it is an event or goes to quarantine."""

    body: bytes
    key: str
    is_event: bool


def stream(seed: str) -> Iterator[Webhook]:
    """The same bodies for the same seed; no body is in two streams."""
    chance = random.Random(seed)
    waiting: list[Json] = []
    number = 0
    while True:
        while len(waiting) < WINDOW:
            number += 1
            life = _life(chance, f"{seed}-{number}")
            waiting += life
            waiting += [builders.again(webhook) for webhook in life if chance.random() < 0.1]
        yield _webhook(waiting.pop(chance.randrange(len(waiting))))


def _webhook(content: Json) -> Webhook:
    canonical = orjson.dumps(content["data"], option=orjson.OPT_SORT_KEYS)
    key = uuid.UUID(bytes=hashlib.blake2b(canonical, digest_size=16).digest())
    body = encode(content) if len(canonical) % 2 else json.dumps(content).encode()
    return Webhook(body, str(key), "event_type" in content["data"])


def _life(chance: random.Random, name: str) -> list[Json]:
    at = FIRST_DAY + timedelta(milliseconds=chance.randrange(DAYS * 24 * 3600 * 1000))
    person = f"+1312555{chance.randrange(100):04}"
    kind = chance.random()
    if kind < 0.55:
        return _message(chance, name, person, at)
    if kind < 0.85:
        build = chance.choice((builders.message_received, builders.stop_received, builders.start_received))
        return [build(name, person, at=at)]
    if kind < 0.90:
        return [builders.campaign_update(f"campaign-{chance.randrange(9)}", at=at, type="MNO_REVIEW", reasons=[name])]
    if kind < 0.98:
        return [builders.unknown_event(at=at, name=name)]
    return [{"data": {"id": name}, "meta": {"attempt": 1}}]


def _message(chance: random.Random, name: str, person: str, at: datetime) -> list[Json]:
    life = [builders.message_sent(name, person, at=at)]
    if chance.random() < 0.15:
        return [builders.message_finalized(name, person, at=at, status="sending_failed", errors=BLOCKED)]
    if chance.random() < 0.9:
        life.append(builders.message_finalized(name, person, at=at, status=chance.choice(STATUSES)))
    if chance.random() < 0.1:
        life.append(builders.message_read(name, person, at=at))
    return life
