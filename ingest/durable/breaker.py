"""Whether to stop asking a sink that does not answer: no I/O, no clock."""


class Breaker:
    """Open while a sink is taken to be unavailable. `trip` and `close` return whether that changed anything."""

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
