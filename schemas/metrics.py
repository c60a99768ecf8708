"""The parts of prometheus_client's metrics that ports ask for."""

from typing import Protocol


class Counter(Protocol):
    """Counts events."""

    def inc(self, amount: float = 1) -> None: ...


class Histogram(Protocol):
    """Counts values by size."""

    def observe(self, amount: float) -> None: ...
