"""The verdicts that cross a package boundary; anything else that is raised is a bug and crashes.

LedgerError
├── Rejected        this one input can never be accepted: answer 4xx or park it, never retry
├── Unavailable     a part is away: nothing was committed, back off and try again (503)
└── Misconfigured   the operator must act: every problem at once, exit status 2
"""

from collections.abc import Iterable


class LedgerError(Exception):
    """Root of the verdicts."""


class Rejected(LedgerError):
    """This input will never be accepted, however often it is tried. `reason` is one stable word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Unavailable(LedgerError):
    """A part that is needed is away. Nothing was committed; the same call may succeed later."""


class Misconfigured(LedgerError):
    """The program cannot run as it was set up. Each problem is one line that names a setting or says what to do."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))
