"""Memory and descriptors of our processes, sampled after each turn: they must stay flat."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tests.faults.cluster.cluster import Cluster
from tests.support.environment.programs import resident_mb

FEWEST_SAMPLES = 9
MORE_MB = 10  # allowed growth of a heap from the middle of a run to its end
MORE_FDS = 3


class Sample(NamedTuple):
    """Resident memory, and open file descriptors."""

    mb: float
    fds: int


@dataclass(frozen=True, slots=True)
class Held:
    """One process: the medians of the thirds of its samples."""

    name: str
    samples: int
    thirds: tuple[Sample, Sample, Sample]

    @property
    def flat(self) -> bool:
        """Whether the last third is no more than the middle one. Caches and pools fill in the first."""
        _, middle, last = self.thirds
        return last.mb <= middle.mb + MORE_MB and last.fds <= middle.fds + MORE_FDS


class Resources:
    """Samples of the ingests and projectors of one cluster."""

    def __init__(self) -> None:
        self._samples: dict[tuple[str, int], list[Sample]] = defaultdict(list)

    def sample(self, cluster: Cluster) -> None:
        """Samples every process, after the recovery of a turn."""
        for served in (*cluster.ingests, *cluster.projectors):
            name = "ingest" if served in cluster.ingests else "project"
            pid = served.program.process.pid
            self._samples[name, pid].append(Sample(resident_mb(pid), len(list(Path(f"/proc/{pid}/fd").iterdir()))))

    def held(self) -> list[Held]:
        """The processes that lived through enough turns."""
        lived = [(name, samples) for (name, _), samples in self._samples.items() if len(samples) >= FEWEST_SAMPLES]
        return [Held(name, len(samples), thirds(samples)) for name, samples in lived]


def thirds(samples: list[Sample]) -> tuple[Sample, Sample, Sample]:
    """The medians of the first, the middle and the last third."""
    third = len(samples) // 3
    first, middle, last = samples[:third], samples[third:-third], samples[-third:]
    return _median(first), _median(middle), _median(last)


def _median(samples: list[Sample]) -> Sample:
    return Sample(round(median(sample.mb for sample in samples), 1), int(median(sample.fds for sample in samples)))
