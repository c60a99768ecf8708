"""Signed requests as bytes, and the present cost of their signatures on this machine."""

import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from nacl.bindings import crypto_sign_open

from tests.support.webhooks import builders


@dataclass(frozen=True, slots=True)
class Signed:
    """A body, its signature (64 bytes) and the signed timestamp."""

    body: bytes
    signature: bytes
    timestamp: str


def traffic(count: int, seed: str) -> list[Signed]:
    """Realistic webhooks, all different: half `message.sent`, half the `message.finalized` of the same messages."""
    stamp = str(int(time.time()))
    start = datetime.now(UTC) - timedelta(hours=1)
    found = []
    for number in range(count):
        build = builders.message_finalized if number % 2 else builders.message_sent
        at = start + timedelta(milliseconds=10 * number)
        message_id = builders.identifier(f"{seed}-{number // 2}")
        body = builders.encode(build(message_id, f"+1312555{number // 2 % 10000:04}", at=at))
        found.append(Signed(body, builders.sign(body, stamp), stamp))
    return found


def request(item: Signed, *, forged: bool = False) -> bytes:
    """The whole HTTP request, with the headers that Telnyx sends."""
    headers = builders.signed_headers(item.body, item.timestamp)
    if forged:
        headers["telnyx-timestamp"] = str(int(item.timestamp) - 1)
    lines = [
        "POST /webhooks/telnyx HTTP/1.1",
        "host: ledger.example.com",
        f"content-length: {len(item.body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + item.body


class Verifications:
    """The unit of cost: one PyNaCl verification of these bodies, measured alone or beside a load.

    Two threads of one core slow each other down. Ingest is measured while client, broker and Postgres keep every core
    busy, so the fair unit is a verification beside them; one on an idle machine is cheaper, and both are reported.
    """

    def __init__(self, items: list[Signed]) -> None:
        sample = random.Random(0).sample(items, min(200, len(items)))
        self._signed = [item.signature + item.timestamp.encode() + b"|" + item.body for item in sample]
        self._public_key = builders.public_key()

    def _slice_seconds(self) -> float:
        began = time.process_time()
        for message in self._signed:
            crypto_sign_open(message, self._public_key)
        return (time.process_time() - began) / len(self._signed)

    def alone_seconds(self) -> float:
        """CPU seconds of one verification while nothing else of ours runs."""
        return statistics.median(self._slice_seconds() for _ in range(15))

    def beside_seconds(self, running: Callable[[], bool]) -> float:
        """CPU seconds of one verification while the load is `running`: 200 every 50 ms."""
        slices = [self._slice_seconds()]
        while running():
            time.sleep(0.05)
            slices.append(self._slice_seconds())
        return statistics.median(slices)
