"""The one thread that writes the spool. Jobs that arrive during a commit form the next transaction.

Invariant: a handle that failed is closed and replaced, and nothing is tried again on it.
"""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import compress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from ingest.durable.spool_file import Inventory, SpoolFile, SpoolRow
from ingest.durable.spool_replacement import is_corrupt

IDLE_SECONDS = 1.0


@dataclass(slots=True)
class Job:
    """A row to append, or a call on the file. Afterwards `settle` (with the result) or `fail` runs on the loop.

    `is_withdrawn` is asked on the writer's thread: a row that nobody waits for any more is not written.
    """

    settle: Callable[[Any], None]
    fail: Callable[[], None]
    row: SpoolRow | None = None
    is_withdrawn: Callable[[], bool] | None = None
    call: Callable[[SpoolFile], Any] | None = None
    durable: bool = False


class SpoolWriter:
    """Owns the file. Its callbacks run on the loop: the file was opened, rows are taken, the file failed."""

    def __init__(
        self,
        path: Path,
        *,
        on_opened: Callable[[Inventory], None],
        on_writable: Callable[[], None],
        on_failure: Callable[[str], None],
    ) -> None:
        self._on_opened = on_opened
        self._on_writable = on_writable
        self._on_failure = on_failure
        self._file = SpoolFile(path)
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="spool", daemon=True)
        self._check_needed = self._dirty = False
        self._check_at = 0.0

    def start(self) -> None:
        """Begin, on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Put a job into the next transaction. Jobs run in the order of submission, but rows are inserted first."""
        self._jobs.put(job)

    async def close(self) -> None:
        """Commit the submitted jobs, then end."""
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _write(self) -> None:
        crashed = True
        try:
            while self._turn():
                pass
            crashed = False
        finally:
            self._file.abandon()
            if crashed:  # by a bug: every waiting future is failed instead of left open
                self._notify([partial(self._on_failure, "the writer crashed")])
            self._fail([job for job in self._queued() if job])

    def _turn(self) -> bool:
        if not self._file.is_open:
            self._open_file()
        if self._check_needed and self._file.is_open and time.monotonic() >= self._check_at:
            self._check_disk()
        jobs, more = self._collect()
        jobs = self._fail_some(jobs)
        if jobs:
            self._commit(jobs)
        elif more and self._file.is_open:
            self._tidy()
        return more

    def _open_file(self) -> None:
        try:
            found = self._file.open(after_failure=self._check_needed)
        except (sqlite3.Error, OSError) as error:
            self._file.abandon()
            self._check_needed = True
            self._notify([partial(self._on_failure, str(error))])
            return
        self._notify([partial(self._on_opened, found)])
        if not self._check_needed:
            with suppress(OSError):  # a disk that is nearly full fails at the first row
                self._file.take_reserve()
            self._notify([self._on_writable])

    def _check_disk(self) -> None:
        try:
            self._file.check_disk()
        except (sqlite3.Error, OSError) as error:
            self._give_up(error)
            self._check_at = time.monotonic() + IDLE_SECONDS
        else:
            self._check_needed = False
            self._notify([self._on_writable])

    def _collect(self) -> tuple[list[Job], bool]:
        """All jobs submitted so far, after a wait for the first, and whether more may come."""
        patient = self._file.is_open and not self._dirty and not self._check_needed
        try:
            jobs = [self._jobs.get(timeout=None if patient else IDLE_SECONDS), *self._queued()]
        except Empty:
            return [], True
        return [job for job in jobs if job], None not in jobs

    def _fail_some(self, jobs: list[Job]) -> list[Job]:
        """Fail the jobs that cannot be done, and return the others. A disk that takes no rows may still delete some."""
        if not self._file.is_open:
            self._fail(jobs)
            return []
        useless = [bool(job.row and (self._check_needed or (job.is_withdrawn and job.is_withdrawn()))) for job in jobs]
        self._fail(compress(jobs, useless))
        return [job for job, is_useless in zip(jobs, useless, strict=True) if not is_useless]

    def _queued(self) -> list[Job | None]:
        jobs = []
        with suppress(Empty):
            while True:
                jobs.append(self._jobs.get_nowait())
        return jobs

    def _commit(self, jobs: list[Job]) -> None:
        file = self._file
        try:
            file.begin(durable=any(job.durable for job in jobs))
            file.insert([job.row for job in jobs if job.row])
            results = [job.call(file) if job.call else None for job in jobs]
            file.commit()
        except sqlite3.Error as error:
            self._give_up(error)
            self._fail(jobs)
        else:
            self._dirty = True
            self._notify([partial(job.settle, result) for job, result in zip(jobs, results, strict=True)])

    def _tidy(self) -> None:
        try:
            self._file.shrink()
            self._file.truncate_log()
            self._dirty = False
        except sqlite3.Error as error:
            self._give_up(error)

    def _give_up(self, error: sqlite3.Error | OSError) -> None:
        malformed = isinstance(error, sqlite3.Error) and is_corrupt(error)
        self._file.abandon(malformed=malformed)
        self._check_needed = not malformed
        self._notify([partial(self._on_failure, str(error))])

    def _fail(self, jobs: Iterable[Job]) -> None:
        if calls := [job.fail for job in jobs]:
            self._notify(calls)

    def _notify(self, calls: Sequence[Callable[[], object]]) -> None:
        # The loop is closed where a program ends without `close`. Committed entries stay committed.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(_run_all, calls)


def _run_all(calls: Sequence[Callable[[], object]]) -> None:
    for call in calls:
        call()
