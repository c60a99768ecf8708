"""The progress of a verification in a small file. An interrupted run resumes from it, and a finished run deletes it.

A file rather than a table: a verification needs no right to write into the database that it verifies.
"""

from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from projections.integrity.checks import CheckResult, Finding


class _Saved(msgspec.Struct):
    began_at: str
    done: list[str]
    events: int
    quarantined: int
    findings: list[Finding]


@dataclass(slots=True)
class VerificationProgress:
    """One verification of one database: the names of the finished checks, and their results."""

    path: Path
    began_at: str
    done: set[str] = field(default_factory=set)
    events: int = 0
    quarantined: int = 0
    findings: list[Finding] = field(default_factory=list)

    def add(self, name: str, checked: CheckResult) -> None:
        """Adds the result of a finished check. Adding it twice counts its rows twice."""
        self.events += checked.events
        self.quarantined += checked.quarantined
        self.findings += checked.findings
        self.done.add(name)

    def save(self) -> None:
        """Replaces the file. Raises OSError."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        saved = _Saved(self.began_at, sorted(self.done), self.events, self.quarantined, self.findings)
        beside = self.path.with_suffix(".new")
        beside.write_bytes(msgspec.json.encode(saved))
        beside.replace(self.path)

    def delete(self) -> None:
        """Deletes the file: the verification is finished, and the next one starts from the beginning."""
        self.path.unlink(missing_ok=True)


def load_progress(path: Path, *, now: str) -> VerificationProgress:
    """The progress saved at this path. Without a readable file, a new one that begins `now`."""
    try:
        saved = msgspec.json.decode(path.read_bytes(), type=_Saved)
    except (OSError, msgspec.DecodeError):
        return VerificationProgress(path, now)
    return VerificationProgress(path, saved.began_at, set(saved.done), saved.events, saved.quarantined, saved.findings)
