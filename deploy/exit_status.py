"""Turns the errors of schemas.errors into lines on stderr and an exit status. A bug keeps its traceback."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from schemas.errors import LedgerError, Misconfigured


@contextmanager
def errors_as_exit_status() -> Iterator[None]:
    """Exit with 2 for Misconfigured and 1 for every other LedgerError, after printing each problem on a line."""
    try:
        yield
    except* LedgerError as group:
        errors = list(_leaves(group))
        for error in errors:
            for problem in error.problems if isinstance(error, Misconfigured) else [str(error)]:
                print(problem, file=sys.stderr)
        raise SystemExit(2 if any(isinstance(error, Misconfigured) for error in errors) else 1) from None


def _leaves(group: BaseExceptionGroup[LedgerError]) -> Iterator[LedgerError]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
