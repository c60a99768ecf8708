"""The entry points of programs: lines appear when they are printed, and errors become lines and an exit status."""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from schemas.errors import LedgerError, Misconfigured


def flush_each_line() -> None:
    """Flush stdout at each line also in a pipe or a file: a reader that waits for a line would wait until the end."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)


@contextmanager
def errors_as_exit_status() -> Iterator[None]:
    """Exit with 2 for Misconfigured and 1 for every other LedgerError, after printing each problem on a line.

    A bug keeps its traceback.
    """
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
