"""Replaces a malformed spool file by a copy of its readable entries, and carries over files that were left aside.

Invariant: at every moment a file that the next open finds has every readable entry.
"""

import errno
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import structlog

CORRUPT = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
PARTS = ("", "-wal", "-shm")

# The names beside the spool's file. A copy under COPYING may be half written. One under COPIED is whole and on disk.
# A file under REPLACED was carried over; telnyx-ledger does not read it again. Older versions moved a file aside under
# LEFT before its entries were copied, so a kill left them there.
COPYING = "spool-copying.sqlite3"
COPIED = "spool-copied.sqlite3"
REPLACED = "spool-replaced-"
LEFT = "spool-malformed-"

_TABLES = {"pending": 6, "refused": 8, "damaged": 5}  # and the number of their columns

_log = structlog.get_logger(__name__)


def finish_replacement(path: Path) -> None:
    """Complete a replacement that was interrupted, and remove a copy that is not whole."""
    for suffix in ("", "-journal"):
        path.with_name(COPYING + suffix).unlink(missing_ok=True)
    copied = path.with_name(COPIED)
    if copied.exists():
        kept_as = REPLACED + _now()
        _rename(path, kept_as)
        copied.rename(path)
        sync_directory(path.parent)
        _log.error("spool_file_replaced", kept_as=kept_as + path.suffix)


def replace(path: Path, create: Callable[[Path], sqlite3.Connection]) -> None:
    """Put a copy of the readable entries in the place of a malformed file, which stays beside it.

    `create` makes an empty file. Raises OSError without room for the copy, and sqlite3.Error.
    """
    require_room(path, 1)
    copying = path.with_name(COPYING)
    with closing(create(copying)) as target:
        target.execute("pragma synchronous = full")
        _copy(path, target)
        saved = [target.execute(f"select count(*) from {table}").fetchone()[0] for table in _TABLES]  # noqa: S608 -- table names of ours
    copying.rename(path.with_name(COPIED))
    sync_directory(path.parent)
    finish_replacement(path)
    _log.error("spool_malformed", entries_saved=saved[0], refused_saved=saved[1], damaged_saved=saved[2])


def carry_over_left_files(path: Path, target: sqlite3.Connection, last_seq: int) -> None:
    """Insert the entries of the files that an older version left aside, behind `last_seq`.

    Raises OSError without room for them, and sqlite3.Error.
    """
    for left in left_files(path):
        require_room(left, 2)  # for the log, and for the file
        _copy(left, target, last_seq)
        last_seq = max(target.execute(f"select coalesce(max(seq), 0) from {table}").fetchone()[0] for table in _TABLES)  # noqa: S608 -- table names of ours
        # A kill before this line carries the entries over twice. That is harmless: they are delivered twice.
        _rename(left, left.stem.replace(LEFT, REPLACED))
        _log.warning("spool_file_carried_over", file=left.name)


def left_files(path: Path) -> list[Path]:
    """The files that an older version left aside, oldest first."""
    return sorted(path.parent.glob(f"{LEFT}*{path.suffix}"))


def malformed_files(path: Path) -> int:
    """How many malformed files lie beside the spool's file."""
    return len(left_files(path)) + len(list(path.parent.glob(f"{REPLACED}*{path.suffix}")))


def free_bytes(directory: Path) -> int:
    """The free space of a directory's disk."""
    disk = os.statvfs(directory)
    return disk.f_bavail * disk.f_frsize


def sync_directory(directory: Path) -> None:
    """Return when the names of its files are on disk."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def require_room(path: Path, times: int) -> None:
    """Raise OSError unless the disk has room for a file, several times."""
    needed = times * sum(part.stat().st_size for part in _parts(path) if not part.name.endswith("-shm"))
    if free_bytes(path.parent) < needed:
        raise OSError(
            errno.ENOSPC,
            f"{path.name} is malformed, and copying its entries needs {needed} bytes of free disk: make room",
        )


def _copy(path: Path, target: sqlite3.Connection, base: int = 0) -> None:
    target.execute("begin immediate")
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as source:
        # Read from both ends: a damaged page then hides only the entries between it and a second damaged page.
        for direction in ("asc", "desc"):
            for table, columns in _TABLES.items():
                rows = _readable(source, f"select * from {table} order by seq {direction}")  # noqa: S608 -- table names of ours
                marks = ", ".join("?" * columns)
                insert = f"insert or ignore into {table} values ({marks})"  # noqa: S608 -- table names of ours
                target.executemany(insert, ((row[0] + base, *row[1:]) for row in rows))
    target.execute("commit")


def _readable(source: sqlite3.Connection, query: str) -> Iterator[tuple[int, object]]:
    try:
        yield from source.execute(query)
    except sqlite3.DatabaseError as error:
        # SQLITE_ERROR: the table is missing. A disk that fails is not the same: its entries may be readable later.
        if not is_corrupt(error) and error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_ERROR:
            raise


def is_corrupt(error: sqlite3.Error) -> bool:
    """Whether the file itself is malformed, as opposed to a failure of the disk, a lock or the space."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in CORRUPT


def _rename(path: Path, stem: str) -> None:
    for part in _parts(path):
        part.rename(path.with_name(stem + part.name.removeprefix(path.stem)))


def _parts(path: Path) -> list[Path]:
    return [part for part in (path.with_name(path.name + suffix) for suffix in PARTS) if part.exists()]


def _now() -> str:
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
