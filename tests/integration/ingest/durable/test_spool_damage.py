"""A spool whose file was damaged while it was closed: readable entries stay, and the rest is moved aside."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path

from ingest.durable.spool_file import PAGE_BYTES
from tests.support.environment.waiting import eventually
from tests.support.ingest.spool import ROOMY, numbers, opened, readable, record


def moved_aside(directory: Path) -> bytes:
    [path] = directory.glob("spool-replaced-*.sqlite3")
    return path.read_bytes()


async def test_a_flipped_bit_moves_one_entry_aside_and_counts_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        await asyncio.gather(*(spool.append(record(number)) for number in range(5)))
    with contextlib.closing(sqlite3.connect(tmp_path / "spool.sqlite3")) as database:
        blob = bytearray(database.execute("select blob from pending where seq = 3").fetchone()[0])
        blob[700] ^= 4
        database.execute("update pending set blob = ? where seq = 3", (bytes(blob),))
        database.commit()
    async with opened(tmp_path) as spool:
        assert await numbers(spool) == [0, 1, 3, 4]
        assert (spool.entries, spool.damaged) == (4, 1)
    async with opened(tmp_path) as spool:
        assert (spool.entries, spool.damaged) == (4, 1)
    with contextlib.closing(sqlite3.connect(tmp_path / "spool.sqlite3")) as database:
        assert database.execute("select blob from damaged").fetchall() == [(bytes(blob),)]


async def test_a_batch_of_damaged_entries_does_not_hide_the_next_ones(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        await asyncio.gather(*(spool.append(record(number)) for number in range(7)))
    with contextlib.closing(sqlite3.connect(tmp_path / "spool.sqlite3")) as database:
        database.execute("update pending set checksum = x'00' where seq <= 6")
        database.commit()
    async with opened(tmp_path) as spool:
        assert [entry.seq for entry in await spool.next_batch(0, 2, ROOMY)] == [7]
        assert spool.damaged == 6


async def test_a_file_with_a_damaged_page_is_replaced_and_its_readable_entries_are_copied(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        await asyncio.gather(*(spool.append(record(number)) for number in range(200)))
        await spool.refuse(1, "message_too_large")
    path = tmp_path / "spool.sqlite3"
    content = bytearray(path.read_bytes())
    place = content.index(b"100 xxxx") // PAGE_BYTES * PAGE_BYTES
    content[place : place + 16] = b"\xff" * 16  # the head of a page of the table
    path.write_bytes(content)
    async with opened(tmp_path) as spool:
        found = await eventually(lambda: readable(spool), lambda seen: len(seen) > 190)
        assert set(found) <= set(range(1, 200))
        assert spool.refused == 1
        assert spool.usable
        await spool.append(record(500))
    assert moved_aside(tmp_path)[place : place + PAGE_BYTES] == bytes(content[place : place + PAGE_BYTES])


async def test_a_file_that_is_not_a_database_is_moved_aside(tmp_path: Path) -> None:
    (tmp_path / "spool.sqlite3").write_bytes(b"not a database " * 1_000)
    async with opened(tmp_path) as spool:
        await spool.append(record(1))
        assert await numbers(spool) == [1]
    assert moved_aside(tmp_path) == b"not a database " * 1_000
