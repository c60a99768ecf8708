"""The one thread that writes the spool: what is asked for while a commit runs forms the next transaction.

A handle that failed is closed and replaced, its waiters are told, and nothing is ever tried again on it.
"""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from ingest.durable.spool_file import Inventory, SpoolFile, SpoolRow, is_corrupt

IDLE_SECONDS = 1.0


@dataclass(slots=True)
class Job:
    """A row to append, or a call on the file; `settle` (with its result) or `fail` runs on the loop afterwards."""

    settle: Callable[[Any], None]
    fail: Callable[[], None]
    row: SpoolRow | None = None
    call: Callable[[SpoolFile], Any] | None = None
    durable: bool = False


class SpoolWriter:
    """Owns the file. Callbacks run on the loop: what was found, that rows are taken, why not."""

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
        self._malformed = self._proof_needed = self._dirty = False
        self._prove_at = 0.0

    def start(self) -> None:
        """Begin, on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Put a job into the next transaction. Jobs run in this order; rows of one transaction go first."""
        self._jobs.put(job)

    async def close(self) -> None:
        """Commit what was submitted, then end."""
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
            if crashed:  # by a bug: nobody shall wait for an answer that cannot come
                self._tell([partial(self._on_failure, "the writer crashed")])
            self._fail([job for job in self._queued() if job])

    def _turn(self) -> bool:
        if not self._file.is_open:
            self._open_file()
        if self._proof_needed and self._file.is_open and time.monotonic() >= self._prove_at:
            self._prove()
        jobs, more = self._collect()
        if self._proof_needed:  # a disk that took no row may still let rows go
            self._fail([job for job in jobs if job.row])
            jobs = [job for job in jobs if not job.row]
        if jobs:
            self._commit(jobs)
        elif more and self._file.is_open:
            self._tidy()
        return more

    def _open_file(self) -> None:
        try:
            found = self._file.open(replace=self._malformed, after_failure=self._proof_needed)
        except (sqlite3.Error, OSError) as error:
            self._file.abandon()
            self._proof_needed = True
            self._tell([partial(self._on_failure, str(error))])
            return
        self._malformed = False
        self._tell([partial(self._on_opened, found)])
        if not self._proof_needed:
            with suppress(OSError):  # a disk that is nearly full shows itself at the first row
                self._file.set_aside()
            self._tell([self._on_writable])

    def _prove(self) -> None:
        try:
            self._file.prove()
        except (sqlite3.Error, OSError) as error:
            self._give_up(error)
            self._prove_at = time.monotonic() + IDLE_SECONDS
        else:
            self._proof_needed = False
            self._tell([self._on_writable])

    def _collect(self) -> tuple[list[Job], bool]:
        """Everything that is asked for by now, waiting for the first; and whether there will be more."""
        patient = self._file.is_open and not self._dirty and not self._proof_needed
        try:
            jobs = [self._jobs.get(timeout=None if patient else IDLE_SECONDS), *self._queued()]
        except Empty:
            return [], True
        return [job for job in jobs if job], None not in jobs

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
            self._tell([partial(job.settle, result) for job, result in zip(jobs, results, strict=True)])

    def _tidy(self) -> None:
        try:
            self._file.shrink()
            self._file.truncate_log()
            self._dirty = False
        except sqlite3.Error as error:
            self._give_up(error)

    def _give_up(self, error: sqlite3.Error | OSError) -> None:
        self._file.abandon()
        self._malformed = isinstance(error, sqlite3.Error) and is_corrupt(error)
        self._proof_needed = not self._malformed
        self._tell([partial(self._on_failure, str(error))])

    def _fail(self, jobs: Iterable[Job]) -> None:
        self._tell([job.fail for job in jobs])

    def _tell(self, calls: Sequence[Callable[[], object]]) -> None:
        # The loop is gone when a program ends without `close`; what was committed stays committed.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(_run_all, calls)


def _run_all(calls: Sequence[Callable[[], object]]) -> None:
    for call in calls:
        call()
