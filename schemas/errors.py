"""The errors that cross a package boundary. Any other exception is a bug and crashes the process.

LedgerError
├── Rejected        this one input can never be accepted: answer 4xx or park it, never retry
├── Unavailable     Kafka, Postgres or the disk does not answer: nothing was committed, back off and retry (503)
└── Misconfigured   the operator must act: all problems are reported at once, exit status 2
"""

from collections.abc import Iterable


class LedgerError(Exception):
    """Base class of the three."""


class Rejected(LedgerError):
    """This input will never be accepted, however often it is retried. `reason` is one stable word.

    `details` are for the log: the sender is told the reason alone.
    """

    def __init__(self, reason: str, **details: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.details = details


class Unavailable(LedgerError):
    """A component does not answer. Nothing was committed, and the same call may succeed later."""


class Misconfigured(LedgerError):
    """The program cannot run with this configuration. Each problem is one line: a setting, or a remedy."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))
