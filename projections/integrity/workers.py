"""Runs the checks of a verification on all cores: one process per core, each with its own connection.

A worker that dies, or a database that does not answer, ends the whole run. No worker outlives the process that
started it.
"""

import asyncio
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from threading import Thread

import asyncpg

from projections.engine.database import connect, outages
from projections.integrity.checks import Check, CheckResult
from schemas import gc_tuning
from schemas.errors import LedgerError, Misconfigured, Unavailable
from schemas.reading.signing import Key


@dataclass(frozen=True, slots=True)
class WorkerSetup:
    """The database to verify, and the keys by key_id."""

    database_url: str
    keys: dict[str, Key]


def cores() -> int:
    """How many processes can run at once here."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def running_checks(setup: WorkerSetup, checks: Sequence[Check]) -> Iterator[Iterator[tuple[Check, CheckResult]]]:
    """Starts the checks and gives an iterator over their results, in the order in which they end.

    Enter it before any thread starts, because the workers are forked. The iterator raises Unavailable, and LedgerError
    if a worker died.
    """
    # A fresh interpreter needs as long to start as 5,000 signatures, so fork where that is safe.
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    others = multiprocessing.active_children()
    with ProcessPoolExecutor(max(1, min(cores(), len(checks))), context, _start_worker) as pool:
        try:
            yield _results({pool.submit(_run, setup, check): check for check in checks})
        finally:
            for process in multiprocessing.active_children():
                if process not in others:
                    process.kill()  # it only reads
            # A worker that dies within a long result leaves the pool waiting for the rest. Without a writer the pool
            # reads the end of the pipe instead. This name is private; tried with Python 3.11, 3.12 and 3.13.
            pool._result_queue._writer.close()  # type: ignore[attr-defined]


def _results(checks: Mapping[Future[CheckResult], Check]) -> Iterator[tuple[Check, CheckResult]]:
    try:
        for future in as_completed(checks):
            yield checks[future], future.result()
    except BrokenProcessPool:
        raise LedgerError("a worker of the verification died: run it again") from None


def _start_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends its workers
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    Thread(target=_exit_with_parent, daemon=True).start()
    gc_tuning.freeze_startup_objects()


def _exit_with_parent() -> None:
    """A parent that was killed cannot end its workers."""
    if parent := multiprocessing.parent_process():
        parent.join()
    os._exit(1)


def _run(setup: WorkerSetup, check: Check) -> CheckResult:
    try:
        runner, connection = _session(setup.database_url)
        with outages():
            return runner.run(check.run(connection, setup.keys))
    except Misconfigured as error:
        raise Unavailable(str(error)) from None  # the parent could connect a moment ago


@cache
def _session(database_url: str) -> tuple[asyncio.Runner, asyncpg.Connection]:
    runner = asyncio.Runner()
    connection = runner.run(connect(database_url))
    with outages():
        runner.run(connection.execute("set statement_timeout = 0; set max_parallel_workers_per_gather = 0"))
    return runner, connection
