"""The result of a rebuild for one projection."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from projections.engine.fault_isolation import FailureHistory, Fault
from projections.rebuild.drift import KEPT, Drift


@dataclass(slots=True)
class RebuildResult:
    """`events` were read; those in `faults` (by event_key) could not be applied and become dead letters.

    `kept` are rows that cannot be computed again, because months of their events were given up: they are no drift.
    `live` is the status of the projection at the end.
    """

    name: str
    history: FailureHistory = field(default_factory=FailureHistory)
    events: int = 0
    faults: dict[str, Fault] = field(default_factory=dict)
    drift: list[Drift] = field(default_factory=list)
    kept: list[Drift] = field(default_factory=list)
    live: bool = True

    def add(self, events: int, faults: Sequence[Fault]) -> None:
        """Counts events that were read, and keeps the faults among them."""
        self.events += events
        self.faults |= {fault.event_key: fault for fault in faults}

    def add_drift(self, found: Sequence[Drift]) -> None:
        """Adds the differences of one table."""
        self.kept += [rows for rows in found if rows.kind == KEPT]
        self.drift += [rows for rows in found if rows.kind != KEPT]

    @property
    def given_up(self) -> bool:
        """Whether too many events failed. Then nothing of the projection was compared or changed."""
        return self.history.too_many

    @property
    def rows(self) -> int:
        """The number of rows that differed."""
        return sum(drift.rows for drift in self.drift)
