"""One simulated webhook and its expected answer. A redelivery of it differs in `meta` only."""

import json
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

PRIMARY_URL = "https://hooks.example.com/webhooks/telnyx"
FAILOVER_URL = "https://hooks-failover.example.com/webhooks/telnyx"


class Signing(Enum):
    """How the request is signed. Everything but VALID must be refused."""

    VALID = "valid"
    FLIPPED = "flipped"
    FOREIGN_KEY = "foreign key"
    MISSING = "missing"
    MALFORMED = "malformed"
    STALE = "stale"
    FUTURE = "future"


@dataclass(frozen=True, slots=True)
class Expected:
    """The expected status, and the words of which one must be the `status` or `reason` of the answer's body."""

    status: int
    words: tuple[str, ...]


# Either is right: another process, or an earlier run with this seed, may have stored the event already.
STORED = Expected(200, ("accepted", "duplicate"))


def quarantined(reason: str) -> Expected:
    return Expected(200, (reason,))


def refused(reason: str) -> Expected:
    return Expected(403, (reason,))


@dataclass(frozen=True, slots=True)
class Webhook:
    """`data` is the object in the envelope. `raw`, if given, is sent instead of an envelope."""

    kind: str
    data: dict[str, Any] = field(default_factory=dict)
    raw: bytes | None = None
    expected: Expected = STORED
    signing: Signing = Signing.VALID
    attempt: int = 1
    delivered_to: str = PRIMARY_URL

    @property
    def body(self) -> bytes:
        """Return the body, pretty-printed as Telnyx's are: a receiver that verifies re-serialised JSON fails."""
        if self.raw is not None:
            return self.raw
        envelope = {"data": self.data, "meta": {"attempt": self.attempt, "delivered_to": self.delivered_to}}
        return json.dumps(envelope, indent=2, sort_keys=True, ensure_ascii=False).encode()

    def again(self) -> "Webhook":
        """Return the next delivery of the same event, to the failover URL."""
        return replace(self, kind=f"{self.kind}, redelivered", attempt=self.attempt + 1, delivered_to=FAILOVER_URL)
