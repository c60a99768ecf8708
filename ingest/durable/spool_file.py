"""The spool's SQLite file, for use by one thread.

Invariant: committed rows are on disk, or the handle is given up. A handle on which anything failed is never used again:
after a failed fsync the kernel may have dropped the pages and report success for the next one.
"""

import errno
import os
import sqlite3
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from importlib.resources import files
from pathlib import Path

import msgspec
import structlog

from schemas.kafka.record import Record, unpack

RECENT_KEYS = 100_000
CHECK_BYTES = 256 * 1024
RESERVE_BYTES = 16 * 1024 * 1024  # more than the write-ahead log grows to before a checkpoint
PAGE_BYTES = 8192  # a page of 4 KiB holds one entry, of 8 KiB three: a third fewer bytes to write and sync
SPARE_PAGES = 128  # free pages that the file keeps
CORRUPT = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

# seq, topic, event_key, bytes, checksum, blob
SpoolRow = tuple[int, str, str, int, bytes, bytes]

_INSERT = "insert into pending values (?, ?, ?, ?, ?, ?)"
_TAKE = "select seq, bytes, checksum, blob from pending where seq > ? order by seq limit ?"
_DELETE = "delete from pending where seq = ?"
_SIZE = "select bytes from pending indexed by pending_keys where seq = ?"
_REFUSE = "insert into refused select seq, topic, event_key, bytes, checksum, blob, ?, ? from pending where seq = ?"
_MOVE_DAMAGED = "insert into damaged select seq, bytes, checksum, blob, ? from pending where seq = ?"
_SAVE = "insert or ignore into pending values (?, ?, ?, ?, ?, ?)"
_SAVE_REFUSED = "insert or ignore into refused values (?, ?, ?, ?, ?, ?, ?, ?)"
_SAVE_DAMAGED = "insert or ignore into damaged values (?, ?, ?, ?, ?)"
_KEYS = "select topic, event_key from pending indexed by pending_keys order by seq desc limit ?"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SpoolEntry:
    """A record with its place in the spool."""

    seq: int
    record: Record


@dataclass(frozen=True, slots=True)
class Inventory:
    """The content of a file when it is opened. `keys` are (topic, event_key) of the newest entries, newest first."""

    entries: int
    refused: int
    damaged: int
    stored_bytes: int
    last_seq: int
    keys: Sequence[tuple[str, str]]


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

    @property
    def is_open(self) -> bool:
        return self._database is not None

    def open(self, *, replace: bool = False, after_failure: bool = False) -> Inventory:
        """Open or create the file. A malformed file is moved aside, and its readable entries are copied to a new one.

        `replace`: the file is known to be malformed. `after_failure`: gives up the reserve. On a full disk the spool
        can then still be read and emptied. `check_disk` takes the reserve back. Raises OSError too.
        """
        if after_failure:
            self._give_up_reserve()
        if not replace:
            try:
                return self._open()
            except sqlite3.DatabaseError as error:
                self.abandon()
                if not is_corrupt(error):
                    raise
        self._replace_malformed()
        return self._open()

    def _open(self) -> Inventory:
        _create_private(self._path)
        self._database = database = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        self._synchronous = ""
        database.execute(f"pragma page_size = {PAGE_BYTES}")  # of a new file
        database.execute("pragma secure_delete = on")
        database.execute("pragma auto_vacuum = incremental")
        database.execute("pragma journal_mode = wal")
        database.executescript(files("ingest.durable").joinpath("spool.sql").read_text())
        # The log must be empty: a frame in it that never reached the disk would cut off all frames behind it.
        self.truncate_log()
        return self._inventory()

    def check_disk(self) -> None:
        """Write to the disk, and take the reserve back if there is room for twice as much. Raises OSError too."""
        for statement in ("insert into scratch values (zeroblob(?))", "delete from scratch where length(blob) <= ?"):
            self.begin(durable=True)
            self._db.execute(statement, (CHECK_BYTES,))
            self.commit()
        if self._free_bytes() < 2 * self._given_up_bytes:
            raise OSError(errno.ENOSPC, "the disk is full")
        self.take_reserve()

    def take_reserve(self) -> None:
        """Hold some of the disk in reserve: at most a quarter of the free space. Raises OSError."""
        if not self._reserve.exists():
            with os.fdopen(os.open(self._reserve, os.O_CREAT | os.O_WRONLY, 0o600), "wb") as reserve:
                reserve.write(bytes(min(RESERVE_BYTES, self._free_bytes() // 4)))
        self._given_up_bytes = 0

    def _give_up_reserve(self) -> None:
        with suppress(FileNotFoundError):
            self._given_up_bytes = max(self._given_up_bytes, self._reserve.stat().st_size)
            self._reserve.unlink()

    def _free_bytes(self) -> int:
        disk = os.statvfs(self._path.parent)
        return disk.f_bavail * disk.f_frsize

    def _inventory(self) -> Inventory:
        row = self._row
        pending = row("select count(*), coalesce(sum(bytes), 0) from pending indexed by pending_keys")
        refused = row("select count(*), coalesce(sum(bytes), 0) from refused indexed by refused_sizes")
        damaged = row("select count(*), coalesce(sum(bytes), 0) from damaged indexed by damaged_sizes")
        last = max(row(f"select coalesce(max(seq), 0) from {table}")[0] for table in ("pending", "refused", "damaged"))  # noqa: S608 -- table names of ours
        keys = [(sys.intern(topic), key) for topic, key in self._db.execute(_KEYS, (RECENT_KEYS,))]
        stored_bytes = pending[1] + refused[1] + damaged[1]
        return Inventory(pending[0], refused[0], damaged[0], stored_bytes, last, keys)

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

    def shrink(self) -> None:
        """Return free pages to the file system."""
        if self._row("pragma freelist_count")[0] > SPARE_PAGES:
            self._db.execute(f"pragma incremental_vacuum({4 * SPARE_PAGES})").fetchall()

    def truncate_log(self) -> None:
        """Write the log into the file and empty it. Deleted text does not stay in the log."""
        busy, _, _ = self._row("pragma wal_checkpoint(truncate)")
        if busy:
            _log.info("spool_log_kept", why="another program is reading the spool")

    def abandon(self) -> None:
        """Close the handle in any state."""
        database, self._database = self._database, None
        if database is not None:
            try:
                database.close()
            except sqlite3.Error as error:
                _log.warning("spool_close_failed", error=str(error))

    def _replace_malformed(self) -> None:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        aside = self._path.with_name(f"{self._path.stem}-malformed-{stamp}{self._path.suffix}")
        for suffix in ("-wal", "-shm", ""):
            part = self._path.with_name(self._path.name + suffix)
            if part.exists():
                part.rename(aside.with_name(aside.name + suffix))
        self._open()
        with closing(sqlite3.connect(f"{aside.absolute().as_uri()}?mode=ro", uri=True)) as source:
            self._carry_over(source)
        saved = self._inventory()
        self.abandon()
        _log.error("spool_malformed", moved_to=aside.name, entries_saved=saved.entries, refused_saved=saved.refused)

    def _carry_over(self, source: sqlite3.Connection) -> None:
        # Read from both ends: a damaged page then hides only the entries between it and a second damaged page.
        self.begin(durable=True)
        for direction in ("asc", "desc"):
            for table, save in (("pending", _SAVE), ("refused", _SAVE_REFUSED), ("damaged", _SAVE_DAMAGED)):
                query = f"select * from {table} order by seq {direction}"  # noqa: S608 -- table names of ours
                self._db.executemany(save, _readable(source, query))
        self.commit()


def is_corrupt(error: sqlite3.Error) -> bool:
    """Whether the file itself is malformed, as opposed to a failure of the disk, a lock or the space."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in CORRUPT


def _read(seq: int, expected: bytes, blob: bytes) -> SpoolEntry | None:
    if checksum(blob) != expected:
        return None
    try:
        return SpoolEntry(seq, unpack(blob))
    except msgspec.DecodeError:
        return None


def _readable(source: sqlite3.Connection, query: str) -> Iterator[tuple[object, ...]]:
    try:
        yield from source.execute(query)
    except sqlite3.DatabaseError:
        return


def _create_private(path: Path) -> None:
    # SQLite gives its -wal and -shm files the mode of the file itself.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    path.chmod(0o600)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _now() -> str:
    return datetime.now(UTC).isoformat()
