"""Waiting between tries, and logging an outage once: no I/O and no clock."""

import random
from collections.abc import Hashable


class Backoff:
    """Delays that double from `first_seconds` to `most_seconds`, each shortened at random by up to half.

    With 0.1 and 2.0 they are at most 0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0 … seconds.
    """

    def __init__(self, first_seconds: float = 0.1, most_seconds: float = 2.0) -> None:
        self._first_seconds = first_seconds
        self._most_seconds = most_seconds
        self._next_seconds = first_seconds

    def next_seconds(self) -> float:
        """How long to wait before the next try. Each call doubles the delay, up to the limit."""
        seconds = self._next_seconds
        self._next_seconds = min(seconds * 2, self._most_seconds)
        # Without the jitter, several processes ask a broker that just came back at the same moments.
        return seconds * random.uniform(0.5, 1.0)  # noqa: S311 -- spreads load, guards nothing

    def reset(self) -> None:
        """Begin with the shortest delay again."""
        self._next_seconds = self._first_seconds


class SayOnce:
    """Decides whether a state is worth a log line: an outage of an hour is one line, not one per try."""

    def __init__(self, state: Hashable = None) -> None:
        self.state = state

    def enter(self, state: Hashable) -> bool:
        """Take a state. Returns whether it differs from the previous one, so whether to log it."""
        changed, self.state = state != self.state, state
        return changed
