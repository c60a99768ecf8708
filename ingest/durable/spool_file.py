"""The spool's SQLite file, for use by one thread.

Invariant: committed rows are on disk, or the handle is given up. A handle on which anything failed is never used again:
after a failed fsync the kernel may have dropped the pages and report success for the next one.
"""

import errno
import os
import sqlite3
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from importlib.resources import files
from pathlib import Path

import msgspec
import structlog

from ingest.durable.spool_replacement import (
    carry_over_left_files,
    finish_replacement,
    free_bytes,
    is_corrupt,
    left_files,
    malformed_files,
    replace,
    sync_directory,
)
from schemas.kafka.record import Record, decode, unpack

SPOOL_FILE = "spool.sqlite3"
RECENT_KEYS = 100_000
CHECK_BYTES = 256 * 1024
RESERVE_BYTES = 16 * 1024 * 1024  # more than the write-ahead log grows to before a checkpoint
PAGE_BYTES = 8192  # a page of 4 KiB holds one entry, of 8 KiB three: a third fewer bytes to write and sync
SPARE_PAGES = 128  # free pages that the file keeps

# seq, topic, event_key, bytes, checksum, blob
SpoolRow = tuple[int, str, str, int, bytes, bytes]

_INSERT = "insert into pending values (?, ?, ?, ?, ?, ?)"
_TAKE = "select seq, bytes, checksum, blob from pending where seq > ? order by seq limit ?"
_FIRST = "select seq, checksum, blob from pending order by seq limit 1"
_DELETE = "delete from pending where seq = ?"
_SIZE = "select bytes from pending indexed by pending_keys where seq = ?"
_REFUSE = "insert into refused select seq, topic, event_key, bytes, checksum, blob, ?, ? from pending where seq = ?"
_RETRY = "insert into pending select seq, topic, event_key, bytes, checksum, blob from refused"
_MOVE_DAMAGED = "insert into damaged select seq, bytes, checksum, blob, ? from pending where seq = ?"
_KEYS = "select topic, event_key from pending indexed by pending_keys order by seq desc limit ?"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SpoolEntry:
    """A record with its place in the spool."""

    seq: int
    record: Record


@dataclass(frozen=True, slots=True)
class Inventory:
    """The content of a file when it is opened. `keys` are (topic, event_key) of the newest entries, newest first.

    `malformed_files` lie beside it. `oldest_at`: as SpoolFile.oldest_at.
    """

    entries: int
    refused: int
    damaged: int
    stored_bytes: int
    last_seq: int
    keys: Sequence[tuple[str, str]]
    malformed_files: int
    oldest_at: float | None


def checksum(blob: bytes) -> bytes:
    """Eight bytes that distinguish a damaged blob from an intact one."""
    return blake2b(blob, digest_size=8).digest()


class SpoolFile:
    """Every method raises sqlite3.Error when the file fails. The caller then calls `abandon`, and later `open`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reserve = path.with_name("reserve")
        self._given_up_bytes = 0
        self._database: sqlite3.Connection | None = None
        self._synchronous = ""
        self._malformed = False

    @property
    def is_open(self) -> bool:
        return self._database is not None

    def open(self, *, after_failure: bool = False) -> Inventory:
        """Open or create the file. A copy of the readable entries takes the place of a malformed file.

        `after_failure`: gives up the reserve. On a full disk the spool can then still be read and emptied. `check_disk`
        takes the reserve back. Raises OSError too.
        """
        if after_failure:
            self._give_up_reserve()
        finish_replacement(self._path)
        if not self._malformed:
            try:
                return self._carry_over(self._open_whole())
            except sqlite3.DatabaseError as error:
                self.abandon(malformed=is_corrupt(error))
                if not self._malformed:
                    raise
        replace(self._path, _connect)
        self._malformed = False
        return self._carry_over(self._open_whole())

    def _open_whole(self) -> Inventory:
        self._database = _connect(self._path)
        self._synchronous = ""
        self._database.execute("pragma journal_mode = wal")
        # The log must be empty: a frame in it that never reached the disk would cut off all frames behind it.
        self.truncate_log()
        return self._inventory()

    def _carry_over(self, found: Inventory) -> Inventory:
        if not left_files(self._path):
            return found
        try:
            carry_over_left_files(self._path, self._db, found.last_seq)
        except (sqlite3.Error, OSError) as error:  # the entries of this file are more urgent
            _log.error("spool_file_not_carried_over", error=str(error))
            self.abandon()
            return self._open_whole()
        return self._inventory()

    def check_disk(self) -> None:
        """Write to the disk, and take the reserve back if there is room for twice as much. Raises OSError too."""
        for statement in ("insert into scratch values (zeroblob(?))", "delete from scratch where length(blob) <= ?"):
            self.begin(durable=True)
            self._db.execute(statement, (CHECK_BYTES,))
            self.commit()
        if free_bytes(self._path.parent) < 2 * self._given_up_bytes:
            raise OSError(errno.ENOSPC, "the disk is full")
        self.take_reserve()

    def take_reserve(self) -> None:
        """Hold some of the disk in reserve: at most a quarter of the free space. Raises OSError."""
        if not self._reserve.exists():
            with os.fdopen(os.open(self._reserve, os.O_CREAT | os.O_WRONLY, 0o600), "wb") as reserve:
                reserve.write(bytes(min(RESERVE_BYTES, free_bytes(self._path.parent) // 4)))
        self._given_up_bytes = 0

    def _give_up_reserve(self) -> None:
        with suppress(FileNotFoundError):
            self._given_up_bytes = max(self._given_up_bytes, self._reserve.stat().st_size)
            self._reserve.unlink()

    def _inventory(self) -> Inventory:
        row = self._row
        pending = row("select count(*), coalesce(sum(bytes), 0) from pending indexed by pending_keys")
        refused = row("select count(*), coalesce(sum(bytes), 0) from refused indexed by refused_sizes")
        damaged = row("select count(*), coalesce(sum(bytes), 0) from damaged indexed by damaged_sizes")
        last = max(row(f"select coalesce(max(seq), 0) from {table}")[0] for table in ("pending", "refused", "damaged"))  # noqa: S608 -- table names of ours
        keys = [(sys.intern(topic), key) for topic, key in self._db.execute(_KEYS, (RECENT_KEYS,))]
        stored_bytes = pending[1] + refused[1] + damaged[1]
        return Inventory(
            pending[0], refused[0], damaged[0], stored_bytes, last, keys, malformed_files(self._path), self.oldest_at()
        )

    @property
    def _db(self) -> sqlite3.Connection:
        if self._database is None:
            raise sqlite3.OperationalError("the spool's file is not open")
        return self._database

    def _row(self, query: str) -> tuple[int, ...]:
        found: tuple[int, ...] = self._db.execute(query).fetchone()
        return found

    def begin(self, *, durable: bool) -> None:
        """Begin a transaction. If `durable`, `commit` returns after an fsync of the log; else a crash may undo it."""
        level = "full" if durable else "normal"
        if level != self._synchronous:
            self._db.execute(f"pragma synchronous = {level}")
            self._synchronous = level
        self._db.execute("begin immediate")

    def commit(self) -> None:
        self._db.execute("commit")

    def insert(self, rows: Iterable[SpoolRow]) -> None:
        self._db.executemany(_INSERT, rows)

    def take(self, after: int, limit: int, max_bytes: int) -> tuple[list[SpoolEntry], int]:
        """The next entries behind `after`, at least one however large, and how many damaged ones were moved aside."""
        entries: list[SpoolEntry] = []
        damaged: list[int] = []
        taken_bytes = 0
        for seq, size, expected, blob in self._db.execute(_TAKE, (after, limit)):
            taken_bytes += size
            if taken_bytes > max_bytes and entries:
                break
            entry = _read(seq, expected, blob)
            if entry is None:
                damaged.append(seq)
            else:
                entries.append(entry)
        for seq in damaged:
            self._db.execute(_MOVE_DAMAGED, (_now(), seq))
            self._db.execute(_DELETE, (seq,))
        return entries, len(damaged)

    def oldest_at(self) -> float | None:
        """The Unix time at which the first waiting entry was received. None without one, or if it is damaged."""
        first = self._db.execute(_FIRST).fetchone()
        entry = _read(*first) if first else None
        if entry is None:
            return None
        arrival = decode(entry.record.value, entry.record.headers, fallback_received_at=datetime.now(UTC))
        return arrival.delivery.received_at.timestamp()

    def delete(self, seqs: Iterable[int]) -> tuple[int, int]:
        """Delete entries. Returns how many were there, and their bytes."""
        count = freed_bytes = 0
        for seq in seqs:
            if size := self._db.execute(_SIZE, (seq,)).fetchone():
                self._db.execute(_DELETE, (seq,))
                count += 1
                freed_bytes += size[0]
        return count, freed_bytes

    def refuse(self, seq: int, reason: str) -> int:
        """Move an entry to `refused`. Returns 1 if it was there, else 0."""
        self._db.execute(_REFUSE, (reason, _now(), seq))
        return self._db.execute(_DELETE, (seq,)).rowcount

    def retry_refused(self) -> int:
        """Put the refused entries back into `pending`. Returns how many they were."""
        self._db.execute(_RETRY)
        return self._db.execute("delete from refused").rowcount

    def shrink(self) -> None:
        """Return free pages to the file system."""
        if self._row("pragma freelist_count")[0] > SPARE_PAGES:
            self._db.execute(f"pragma incremental_vacuum({4 * SPARE_PAGES})").fetchall()

    def truncate_log(self) -> None:
        """Write the log into the file and empty it. Deleted text does not stay in the log."""
        busy, _, _ = self._row("pragma wal_checkpoint(truncate)")
        if busy:
            _log.info("spool_log_kept", why="another program is reading the spool")

    def abandon(self, *, malformed: bool = False) -> None:
        """Close the handle in any state. `malformed`: the next `open` replaces the file."""
        self._malformed = self._malformed or malformed
        database, self._database = self._database, None
        if database is not None:
            try:
                database.close()
            except sqlite3.Error as error:
                _log.warning("spool_close_failed", error=str(error))


def _read(seq: int, expected: bytes, blob: bytes) -> SpoolEntry | None:
    if checksum(blob) != expected:
        return None
    try:
        return SpoolEntry(seq, unpack(blob))
    except msgspec.DecodeError:
        return None


def _connect(path: Path) -> sqlite3.Connection:
    """Open or create a file with the tables of a spool, for its owner alone."""
    # SQLite gives its -wal and -shm files the mode of the file itself.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    path.chmod(0o600)
    sync_directory(path.parent)
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        database.execute(f"pragma page_size = {PAGE_BYTES}")  # of a new file
        database.execute("pragma secure_delete = on")
        database.execute("pragma auto_vacuum = incremental")
        database.executescript(files("ingest.durable").joinpath("spool.sql").read_text())
    except sqlite3.Error:
        database.close()
        raise
    return database


def _now() -> str:
    return datetime.now(UTC).isoformat()
