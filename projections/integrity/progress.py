"""The progress of a verification in a small file. An interrupted run resumes from it, and a finished run deletes it.

A file rather than a table: a verification needs no right to write into the database that it verifies.
"""

from pathlib import Path

import msgspec

from projections.integrity.checks import CheckResult, Finding


class VerificationProgress(msgspec.Struct):
    """One verification of one database: the names of the finished checks, and their results."""

    began_at: str
    done: set[str] = msgspec.field(default_factory=set)
    events: int = 0
    quarantined: int = 0
    findings: list[Finding] = msgspec.field(default_factory=list)

    def add(self, name: str, checked: CheckResult) -> None:
        """Adds the result of a finished check. Adding it twice counts its rows twice."""
        self.events += checked.events
        self.quarantined += checked.quarantined
        self.findings += checked.findings
        self.done.add(name)

    def save(self, path: Path) -> None:
        """Replaces the file. Raises OSError."""
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".new")
        beside.write_bytes(msgspec.json.encode(self))
        beside.replace(path)


def load_progress(path: Path) -> VerificationProgress | None:
    """The saved progress. None without a readable file."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=VerificationProgress)
    except (OSError, msgspec.DecodeError):
        return None
