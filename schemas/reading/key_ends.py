"""Says when a key of the ring has ended or is about to: webhooks that it signs are refused from then on."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import structlog

from schemas.reading.signing import Key, KeyRing

NEAR_SECONDS = 14 * 24 * 60 * 60  # Telnyx and the operator need days to exchange a key, not months
SAY_AGAIN_SECONDS = 24 * 60 * 60.0
# A word per key: whether it is in force at a moment.
STATES = ("valid", "ends_soon", "expired", "not_yet_valid")

_log = structlog.get_logger(__name__)


class Gauge(Protocol):
    """A metric that is computed when it is asked for."""

    def set_function(self, function: Callable[[], float]) -> None: ...


class KeyMetrics(Protocol):
    """`keys` has a gauge per word of STATES."""

    @property
    def keys(self) -> Mapping[str, Gauge]: ...
    @property
    def next_key_end(self) -> Gauge: ...


def state_of(key: Key, now: float) -> str:
    """A word of STATES. `now` in Unix seconds."""
    if key.not_before is not None and now < key.not_before:
        return "not_yet_valid"
    if key.not_after is None or now + NEAR_SECONDS < key.not_after:
        return "valid"
    return "expired" if key.not_after < now else "ends_soon"


def log_key_ends(ring: KeyRing, now: float) -> None:
    """Log each key that has ended, or is going to within two weeks."""
    for key in ring.keys:
        state = state_of(key, now)
        if state == "expired":
            _log.error("key_expired", account=key.account, key_id=key.key_id, not_after=key.not_after)
        elif state == "ends_soon":
            _log.warning("key_ends_soon", account=key.account, key_id=key.key_id, not_after=key.not_after)


async def keep_saying_key_ends(ring: Callable[[], KeyRing], *, clock: Callable[[], float] = time.time) -> None:
    """Log as `log_key_ends` now, whenever the ring was replaced, and once a day."""
    said, due = None, 0.0
    while True:
        current, now = ring(), clock()
        if current is not said or now >= due:
            log_key_ends(current, now)
            said, due = current, now + SAY_AGAIN_SECONDS
        await asyncio.sleep(1.0)


def show_key_states(metrics: KeyMetrics, ring: Callable[[], KeyRing], clock: Callable[[], float]) -> None:
    """Let the metrics count the keys of `ring` by state."""
    for state in STATES:
        metrics.keys[state].set_function(lambda state=state: _count(ring().keys, state, clock()))  # type: ignore[misc]
    metrics.next_key_end.set_function(lambda: _next_end(ring().keys, clock()))


def _count(keys: Sequence[Key], state: str, now: float) -> int:
    return sum(state_of(key, now) == state for key in keys)


def _next_end(keys: Sequence[Key], now: float) -> float:
    ends = [key.not_after for key in keys if key.not_after is not None and key.not_after >= now]
    return min(ends, default=0)
