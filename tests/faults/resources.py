"""What our processes hold, looked at turn after turn: memory and descriptors must be flat while a process lives."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tests.faults.cluster.cluster import Site
from tests.support.environment.programs import resident_mb

FEWEST_LOOKS = 9
MORE_MB = 10  # what a heap may gain from the middle of a run to its end
MORE_FDS = 3


class Look(NamedTuple):
    """Resident memory, and open file descriptors."""

    mb: float
    fds: int


@dataclass(frozen=True, slots=True)
class Held:
    """By one process, by thirds of its looks."""

    name: str
    looks: int
    thirds: tuple[Look, Look, Look]

    @property
    def flat(self) -> bool:
        """The first third is for caches and pools to fill."""
        _, middle, last = self.thirds
        return last.mb <= middle.mb + MORE_MB and last.fds <= middle.fds + MORE_FDS


class Resources:
    """Of the ingests and projectors of one site."""

    def __init__(self) -> None:
        self._looks: dict[tuple[str, int], list[Look]] = defaultdict(list)

    def look(self, site: Site) -> None:
        """Note what they hold now, after a turn, when all is well again."""
        for name, served in [("ingest", one) for one in site.ingests] + [("project", one) for one in site.projectors]:
            pid = served.program.process.pid
            self._looks[name, pid].append(Look(resident_mb(pid), len(list(Path(f"/proc/{pid}/fd").iterdir()))))

    def held(self) -> list[Held]:
        """By each process that lived through turns enough."""
        lived = [(name, looks) for (name, _), looks in self._looks.items() if len(looks) >= FEWEST_LOOKS]
        return [Held(name, len(looks), thirds(looks)) for name, looks in lived]


def thirds(looks: list[Look]) -> tuple[Look, Look, Look]:
    """The medians of the first, the middle and the last third."""
    third = len(looks) // 3
    first, middle, last = looks[:third], looks[third:-third], looks[-third:]
    return _median(first), _median(middle), _median(last)


def _median(looks: list[Look]) -> Look:
    return Look(round(median(look.mb for look in looks), 1), int(median(look.fds for look in looks)))
