"""What an interrupted verification leaves behind, so that the next one goes on: a small file, gone when one finishes.

A file and not a table: who verifies needs no right to write into what is being verified.
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
    """One verification of one database: the names of the pieces that are done, and what came of them."""

    path: Path
    began_at: str
    done: set[str] = field(default_factory=set)
    events: int = 0
    quarantined: int = 0
    findings: list[Finding] = field(default_factory=list)

    def add(self, name: str, checked: CheckResult) -> None:
        """This piece is done. Adding it again is harmless but for the counts."""
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
        """The verification is finished: the next one starts anew."""
        self.path.unlink(missing_ok=True)


def load_progress(path: Path, *, now: str) -> VerificationProgress:
    """What was left at this path; a new one that begins `now` where nothing was, or nothing that can be read."""
    try:
        saved = msgspec.json.decode(path.read_bytes(), type=_Saved)
    except (OSError, msgspec.DecodeError):
        return VerificationProgress(path, now)
    return VerificationProgress(path, saved.began_at, set(saved.done), saved.events, saved.quarantined, saved.findings)
