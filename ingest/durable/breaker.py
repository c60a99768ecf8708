"""When to stop asking something that is away, and how long to wait before asking again: no I/O, no clock."""

import random


class Breaker:
    """Open while something is taken to be away. Who trips and closes it learns whether that changed anything."""

    def __init__(self) -> None:
        self.is_open = False

    def trip(self) -> bool:
        """Open it; True if it was closed."""
        changed, self.is_open = not self.is_open, True
        return changed

    def close(self) -> bool:
        """Close it; True if it was open."""
        changed, self.is_open = self.is_open, False
        return changed


class Backoff:
    """Delays that double from `first_seconds` to `most_seconds`, each shortened at random by up to half.

    The jitter keeps several processes from asking a broker that just came back at the same moments.
    """

    def __init__(self, first_seconds: float = 0.1, most_seconds: float = 2.0) -> None:
        self._first_seconds = first_seconds
        self._most_seconds = most_seconds
        self._next_seconds = first_seconds

    def next_seconds(self) -> float:
        """How long to wait now; the next answer is about twice as long."""
        seconds = self._next_seconds
        self._next_seconds = min(seconds * 2, self._most_seconds)
        return seconds * random.uniform(0.5, 1.0)  # noqa: S311 -- spreads load, guards nothing

    def reset(self) -> None:
        """Something answered: begin with the shortest delay again."""
        self._next_seconds = self._first_seconds
