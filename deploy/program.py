"""The entry points of programs: lines appear when they are printed, and errors become lines and an exit status."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from schemas.errors import LedgerError, Misconfigured


def occupy_standard_descriptors() -> None:
    """Open those of 0, 1 and 2 that are closed.

    A database file or a socket would get the number instead, and what a library prints would go into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is this one. Not writable: what is written there counts as not written.
            os.open(os.devnull, os.O_RDONLY)


def flush_each_line() -> None:
    """Flush stdout at each line also in a pipe or a file: a reader that waits for a line would wait until the end."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)


@contextmanager
def errors_as_exit_status() -> Iterator[None]:
    """Exit with 2 for Misconfigured and 1 for every other LedgerError, after printing each problem on a line.

    A bug keeps its traceback. A database error keeps type, SQLSTATE and frames: its DETAIL may quote a row.
    """
    try:
        with _ledger_errors_as_exit_status():
            yield
    except (Exception, BaseExceptionGroup) as error:  # a group holds SystemExit where an error of ours is in it too
        if not _is_from_a_database(error):
            raise
        from deploy.logs import describe  # noqa: PLC0415 -- `--help` does not load the logging

        _print_problem(describe(error))
        raise SystemExit(1) from None


def _is_from_a_database(error: BaseException) -> bool:
    """Whether the error, a part of it, or one that led to it has an SQLSTATE."""
    parts = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    causes = [cause for cause in (error.__cause__, error.__context__) if cause is not None]
    return bool(getattr(error, "sqlstate", None)) or any(map(_is_from_a_database, [*parts, *causes]))


@contextmanager
def _ledger_errors_as_exit_status() -> Iterator[None]:
    try:
        yield
    except* LedgerError as group:
        errors = list(_leaves(group))
        for error in errors:
            for problem in error.problems if isinstance(error, Misconfigured) else [str(error)]:
                _print_problem(problem)
        raise SystemExit(2 if any(isinstance(error, Misconfigured) for error in errors) else 1) from None


def _print_problem(problem: str) -> None:
    """Print a line on stderr, if it can be written. The exit status says the same."""
    if sys.stderr is None:
        return
    with suppress(OSError, ValueError):
        print(problem, file=sys.stderr)
        return
    # A flush of what stayed in the buffer would fail again at the end, and change the exit status.
    sys.stderr = None


def _leaves(group: BaseExceptionGroup[LedgerError]) -> Iterator[LedgerError]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
