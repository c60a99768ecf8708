"""A durable queue on local disk, bounded and private to one process.

Invariant: when `append` resolves, the record survives a power failure. After a failure of the disk the spool opens to
new entries again automatically.
"""

import asyncio
import sqlite3
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import structlog

from ingest.durable.fill_level import FillLevel
from ingest.durable.spool_file import SPOOL_FILE, Inventory, SpoolEntry, SpoolFile, checksum
from ingest.durable.spool_writer import Job, SpoolWriter
from schemas.errors import Misconfigured, Unavailable
from schemas.file_lock import FileLock
from schemas.kafka.record import Record, pack
from schemas.metrics import Counter
from schemas.retry import SayOnce

STALL_SECONDS = 1.5  # a disk that took longer for the oldest row will hardly take the next one in time

_log = structlog.get_logger(__name__)


class SpoolMetrics(Protocol):
    """The counters of the spool."""

    @property
    def spool_damaged(self) -> Counter: ...
    @property
    def spool_failures(self) -> Counter: ...


class Spool:
    """The queue of one directory. Counts and bytes are kept in memory and follow the commits."""

    def __init__(self, directory: Path, max_bytes: int, metrics: SpoolMetrics) -> None:
        self.directory = directory.absolute()
        self.max_bytes = max_bytes
        self._level = FillLevel(max_bytes)
        self._metrics = metrics
        self._writer = SpoolWriter(
            self.directory / SPOOL_FILE,
            on_opened=self._opened,
            on_writable=self._can_write,
            on_failure=self._failed,
        )
        self._lock: FileLock | None = None
        self._readable = self._writable = self._full = False
        self._failure = SayOnce("")
        self.on_opened: Callable[[], None] = _nothing
        self.on_stored: Callable[[], None] = _nothing
        self.on_unusable: Callable[[], None] = _nothing
        self._keys: Sequence[tuple[str, str]] = ()
        self._next_seq = 1
        self._reserved_bytes = 0
        self._stored_bytes = 0
        self._queued: OrderedDict[int, float] = OrderedDict()  # the time of each append that is not committed, by seq
        self._oldest_at: float | None = None
        self.entries = 0
        self.refused = 0
        self.damaged = 0
        self.malformed_files = 0

    @property
    def bytes(self) -> int:
        """The bytes that count against the limit: all entries, also refused and damaged ones."""
        return self._stored_bytes + self._reserved_bytes

    @property
    def usable(self) -> bool:
        """Whether an append would be tried now."""
        return self.problem is None

    @property
    def problem(self) -> str | None:
        """The reason why nothing can be appended now, if there is one."""
        if not self._writable:
            return "the spool cannot be written: see spool_failed in the log"
        if self._full or self.bytes >= self.max_bytes:  # _full: an append found no room, and nothing was deleted since
            return f"the spool is full: {self.bytes} of {self.max_bytes} bytes (LEDGER_SPOOL_MAX_BYTES)"
        return "the spool's disk does not answer" if self._is_stalled else None

    @property
    def _is_stalled(self) -> bool:
        queued_at = next(iter(self._queued.values()), None)
        return queued_at is not None and self._loop.time() - queued_at > STALL_SECONDS

    @property
    def oldest_seconds(self) -> float:
        """How long ago the oldest waiting entry was received. 0 without one."""
        return max(time.time() - self._oldest_at, 0.0) if self.entries and self._oldest_at else 0.0

    async def open(self) -> None:
        """Lock the directory and begin. A file that cannot be opened yet is tried again. Raises Misconfigured."""
        self._loop = asyncio.get_running_loop()
        self._lock = _locked(self.directory)
        self._writer.start()
        await self._ask(lambda file: file.is_open, even_failing=True)

    async def close(self) -> None:
        """Commit the queued entries, then unlock the directory."""
        if self._lock is None:
            return
        await self._writer.close()
        self._readable = self._writable = False
        self._lock.close()
        self._lock = None

    def recent_keys(self) -> Sequence[tuple[str, str]]:
        """(topic, event_key) of the newest entries at the start. Given once, then forgotten."""
        keys, self._keys = self._keys, ()
        return keys

    def append(self, record: Record) -> asyncio.Future[Any]:
        """Keep a record. The future resolves to its place in the queue once it is on disk.

        Raises Unavailable at once when the spool is full, cannot be written, or its disk does not answer. A future that
        is done before its row is written withdraws the row.
        """
        blob = pack(record)
        size = len(blob)
        if self._writable and self.bytes + size > self.max_bytes:
            self._full = True
            self._level.note(self.bytes, is_full=True)
        if not self._writable or self.bytes + size > self.max_bytes or self._is_stalled:
            self.on_unusable()
            raise Unavailable(self.problem or "the spool is full")
        seq, self._next_seq = self._next_seq, self._next_seq + 1
        self._reserved_bytes += size
        self._queued[seq] = self._loop.time()
        future: asyncio.Future[Any] = self._loop.create_future()
        row = (seq, record.topic, record.event_key, size, checksum(blob), blob)
        settle, fail = partial(self._appended, future, seq, size), partial(self._lost, future, seq, size)
        self._writer.submit(Job(settle, fail, row=row, is_withdrawn=future.done, durable=True))
        return future

    async def next_batch(self, after: int, limit: int, max_bytes: int) -> list[SpoolEntry]:
        """Up to `limit` entries behind `after`, in order, and at least one, however large.

        Damaged entries are moved aside. Raises Unavailable when the spool cannot be read.
        """
        while True:
            batch: list[SpoolEntry]
            batch, damaged = await self._ask(lambda file: file.take(after, limit, max_bytes))
            if damaged:
                self._count_damaged(damaged)
            if batch or not damaged:  # a page of damaged entries alone: read the next one
                return batch

    def delete(self, seqs: Iterable[int]) -> None:
        """Delete entries soon."""
        # Not awaited: an entry that a crash brings back is only delivered again.
        chosen = list(seqs)
        if chosen:
            self._writer.submit(
                Job(self._deleted, _nothing, call=lambda file: (*file.delete(chosen), file.oldest_at()))
            )

    async def refuse(self, seq: int, reason: str) -> None:
        """Move an entry to the table of refused entries. Durable when it returns. Raises Unavailable."""
        moved, self._oldest_at = await self._ask(
            lambda file: (file.refuse(seq, reason), file.oldest_at()), durable=True
        )
        self.entries -= moved
        self.refused += moved

    async def retry_refused(self) -> None:
        """Put the refused entries back into the queue. Raises Unavailable."""
        moved, self._oldest_at = await self._ask(lambda file: (file.retry_refused(), file.oldest_at()), durable=True)
        self.entries += moved
        self.refused -= moved
        if moved:
            _log.info("spool_refused_retried", entries=moved)

    async def _ask(self, call: Callable[[SpoolFile], Any], *, durable: bool = False, even_failing: bool = False) -> Any:
        if not self._readable and not even_failing:
            raise Unavailable("the spool cannot be read")
        future: asyncio.Future[Any] = self._loop.create_future()
        fail = partial(_resolve, future, None) if even_failing else partial(_refuse, future)
        self._writer.submit(Job(partial(_resolve, future), fail, call=call, durable=durable))
        return await future

    # The writer calls these on the loop, in the order of the commits.

    def _appended(self, future: "asyncio.Future[Any]", seq: int, size: int, _: Any) -> None:
        del self._queued[seq]
        self._reserved_bytes -= size
        self._stored_bytes += size
        if not self.entries:
            self._oldest_at = time.time()
        self.entries += 1
        self._level.note(self.bytes)
        _resolve(future, seq)
        self.on_stored()

    def _lost(self, future: "asyncio.Future[Any]", seq: int, size: int) -> None:
        del self._queued[seq]
        self._reserved_bytes -= size
        self._metrics.spool_failures.inc()
        _refuse(future)

    def _deleted(self, gone: tuple[int, int, float | None]) -> None:
        count, freed_bytes, self._oldest_at = gone
        self.entries -= count
        self._stored_bytes -= freed_bytes
        self._full = self._full and not freed_bytes
        self._level.note(self.bytes)

    def _count_damaged(self, damaged: int) -> None:
        self.entries -= damaged
        self.damaged += damaged
        self._metrics.spool_damaged.inc(damaged)
        _log.error("spool_entries_damaged", entries=damaged)

    def _opened(self, found: Inventory) -> None:
        self._readable = True
        self._full = False
        self._next_seq = max(self._next_seq, found.last_seq + 1)
        self._stored_bytes = found.stored_bytes
        self.entries, self.refused, self.damaged = found.entries, found.refused, found.damaged
        self._keys = found.keys
        self._oldest_at, self.malformed_files = found.oldest_at, found.malformed_files
        self._level.note(self.bytes)
        self.on_opened()

    def _can_write(self) -> None:
        self._writable = True
        if self._failure.enter(""):
            _log.info("spool_usable_again", entries=self.entries)

    def _failed(self, error: str) -> None:
        self._readable = self._writable = False
        if self._failure.enter(error):
            _log.error("spool_failed", error=error)


def retry_refused(directory: Path) -> int:
    """Put the refused entries of a spool that no process uses back into its queue. Returns how many they were. Blocks.

    Raises Misconfigured if there is no spool or a process holds it, and Unavailable if its file fails.
    """
    path = directory.absolute() / SPOOL_FILE
    if not path.exists():
        raise Misconfigured([f"LEDGER_SPOOL_DIR: {path.parent} has no spool"])
    file = SpoolFile(path)
    try:
        with FileLock(path.with_name("lock")):
            file.open()
            file.begin(durable=True)
            moved = file.retry_refused()
            file.commit()
            return moved
    except BlockingIOError:
        problem = (
            f"LEDGER_SPOOL_DIR: {path.parent} is held by a running process. Send that process SIGUSR1, "
            "and it offers the refused entries again: kill -USR1 PID"
        )
        raise Misconfigured([problem]) from None
    except (sqlite3.Error, OSError) as error:
        raise Unavailable(f"{path} cannot be used: {error}") from None
    finally:
        file.abandon()


def _nothing() -> None:
    """For a deletion that failed: the entry is read again after `on_opened`, and delivered again."""


def _resolve(future: "asyncio.Future[Any]", value: Any) -> None:
    if not future.done():
        future.set_result(value)


def _refuse(future: "asyncio.Future[Any]") -> None:
    if not future.done():
        future.set_exception(Unavailable("the spool could not be written"))


def _locked(directory: Path) -> FileLock:
    """Lock a directory, which others cannot read. Raises Misconfigured."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(PermissionError):  # a mounted volume may have another owner; the files' modes still hold
            directory.chmod(0o700)
        return FileLock(directory / "lock")
    except BlockingIOError:
        problem = f"LEDGER_SPOOL_DIR: {directory} is used by another process; each process needs a separate directory"
        raise Misconfigured([problem]) from None
    except OSError as error:
        raise Misconfigured([f"LEDGER_SPOOL_DIR: {directory} cannot be used: {error.strerror}"]) from None
