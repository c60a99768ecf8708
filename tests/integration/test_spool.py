"""The spool on a real file system: what was acknowledged is there after every fault, and nobody else gets at it."""

import asyncio
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ingest.metrics import IngestMetrics
from ingest.spool import Spool
from ingest.spool_file import Entry, SpoolFile, checksum
from schemas.errors import Misconfigured, Unavailable
from schemas.record import Record, pack
from tests.waiting import eventually

ALL = 1_000_000
ROOMY = 1 << 30


def record(number: int, size: int = 1_200) -> Record:
    key = f"00000000-0000-0000-0000-{number:012d}"
    value = b"%d " % number + b"x" * (size - len(str(number)) - 1)
    return Record("telnyx.messages", key.encode(), value, (("ce_id", key.encode()),), key)


@asynccontextmanager
async def opened(directory: Path, max_bytes: int = ROOMY) -> AsyncIterator[Spool]:
    spool = Spool(directory, max_bytes, IngestMetrics())
    await spool.open()
    try:
        yield spool
    finally:
        await spool.close()


async def held(spool: Spool, after: int = 0) -> list[Entry]:
    return await spool.next_batch(after, ALL, ROOMY)


async def numbers(spool: Spool) -> list[int]:
    return [int(entry.record.value.split()[0]) for entry in await held(spool)]


async def readable(spool: Spool) -> list[int]:
    with contextlib.suppress(Unavailable):
        return await numbers(spool)
    return []


def moved_aside(directory: Path) -> bytes:
    [path] = directory.glob("spool-malformed-*.sqlite3")
    return path.read_bytes()


def run(script: str, *arguments: object) -> "subprocess.Popen[str]":
    """A process of its own that uses the spool of argv[1]; its imports are those of this module."""
    head = "import asyncio, os, resource, sys\nfrom pathlib import Path\nfrom tests.integration.test_spool import *\n"
    source = head + textwrap.dedent(script)
    command = [sys.executable, "-c", source, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


async def test_what_was_appended_is_given_back_in_order_and_whole(tmp_path: Path) -> None:
    records = [record(number, size) for number, size in enumerate([1, 5_000, 300_000, 1_200])]
    async with opened(tmp_path) as spool:
        await asyncio.gather(*(spool.append(one) for one in records))
        assert [entry.record for entry in await held(spool)] == records
        assert spool.entries == 4
    async with opened(tmp_path) as spool:
        assert [entry.record for entry in await held(spool)] == records
        assert spool.bytes == sum(len(pack(one)) for one in records)


async def test_entries_that_are_deleted_or_refused_do_not_come_back(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        seqs = await asyncio.gather(*(spool.append(record(number)) for number in range(5)))
        spool.delete(seqs[:2])
        spool.delete(seqs[:2])  # twice: a late acknowledgement and the drainer may both say so
        await spool.refuse(seqs[3], "message_too_large")
        assert await numbers(spool) == [2, 4]
        assert (spool.entries, spool.refused) == (2, 1)
    async with opened(tmp_path) as spool:
        assert await numbers(spool) == [2, 4]
        assert (spool.entries, spool.refused) == (2, 1)
        later = await spool.append(record(9))
        assert later > max(seqs)
        spool.delete([seqs[2], seqs[4], later])
        assert await numbers(spool) == []
        assert spool.bytes == len(pack(record(3)))


async def test_a_batch_is_bounded_by_number_and_by_bytes_but_never_empty(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        await asyncio.gather(*(spool.append(record(number, 10_000)) for number in range(5)))
        assert len(await spool.next_batch(0, 2, ROOMY)) == 2
        assert len(await spool.next_batch(0, ALL, 25_000)) == 2
        assert len(await spool.next_batch(0, ALL, 1)) == 1
        assert [entry.seq for entry in await spool.next_batch(3, ALL, ROOMY)] == [4, 5]


async def test_a_full_spool_says_so_at_once_and_takes_entries_again_when_it_has_room(tmp_path: Path) -> None:
    async with opened(tmp_path, max_bytes=3 * len(pack(record(0)))) as spool:
        seqs = await asyncio.gather(*(spool.append(record(number)) for number in range(3)))
        assert not spool.usable
        with pytest.raises(Unavailable):
            spool.append(record(3))
        spool.delete(seqs[:1])
        await held(spool)
        assert spool.usable
        await spool.append(record(4))
        assert await numbers(spool) == [1, 2, 4]


async def test_a_second_process_on_the_directory_is_told_which_setting_to_change(tmp_path: Path) -> None:
    script = """
        try:
            asyncio.run(Spool(Path(sys.argv[1]), ROOMY, IngestMetrics()).open())
        except Misconfigured as refused:
            sys.exit(str(refused))
    """
    async with opened(tmp_path):
        other = run(script, tmp_path)
        _, said = await asyncio.to_thread(other.communicate)
        assert other.returncode == 1
        assert said.startswith("LEDGER_SPOOL_DIR: ")
        assert "another process" in said
    async with opened(tmp_path):
        pass


async def test_a_directory_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Misconfigured, match=r"^LEDGER_SPOOL_DIR: "):
        await Spool(tmp_path / "file" / "spool", ROOMY, IngestMetrics()).open()


async def test_nobody_else_can_read_it_and_nothing_that_was_deleted_stays_on_the_disk(tmp_path: Path) -> None:
    directory = tmp_path / "spool"
    secret = Record("t", b"k", b"do not keep this text", (), "e")
    async with opened(directory) as spool:
        seq = await spool.append(secret)
        names = ["lock", "reserve", "spool.sqlite3", "spool.sqlite3-wal", "spool.sqlite3-shm"]
        modes = {path.name: path.stat().st_mode & 0o777 for path in directory.iterdir()}
        assert modes == dict.fromkeys(names, 0o600)
        assert directory.stat().st_mode & 0o777 == 0o700
        spool.delete([seq])

        async def traces() -> list[str]:
            return [path.name for path in directory.iterdir() if secret.value in path.read_bytes()]

        await eventually(traces, lambda found: found == [], timeout_seconds=10)


async def test_a_flipped_bit_costs_one_entry_which_is_kept_aside_and_counted(tmp_path: Path) -> None:
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


async def test_damaged_entries_that_fill_a_whole_batch_do_not_hide_what_is_behind_them(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        await asyncio.gather(*(spool.append(record(number)) for number in range(7)))
    with contextlib.closing(sqlite3.connect(tmp_path / "spool.sqlite3")) as database:
        database.execute("update pending set checksum = x'00' where seq <= 6")
        database.commit()
    async with opened(tmp_path) as spool:
        assert [entry.seq for entry in await spool.next_batch(0, 2, ROOMY)] == [7]
        assert spool.damaged == 6


async def test_a_damaged_page_is_moved_aside_with_its_file_and_everything_readable_is_carried_over(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as spool:
        await asyncio.gather(*(spool.append(record(number)) for number in range(200)))
        await spool.refuse(1, "message_too_large")
    path = tmp_path / "spool.sqlite3"
    content = bytearray(path.read_bytes())
    place = content.index(b"100 xxxx") // 4096 * 4096
    content[place : place + 16] = b"\xff" * 16  # the head of a page of the table
    path.write_bytes(content)
    async with opened(tmp_path) as spool:
        found = await eventually(lambda: readable(spool), lambda seen: len(seen) > 190)
        assert set(found) <= set(range(1, 200))
        assert spool.refused == 1
        assert spool.usable
        await spool.append(record(500))
    assert moved_aside(tmp_path)[place : place + 4096] == bytes(content[place : place + 4096])


async def test_a_file_that_is_no_database_is_kept_aside_and_a_fresh_one_begun(tmp_path: Path) -> None:
    (tmp_path / "spool.sqlite3").write_bytes(b"not a database " * 1_000)
    async with opened(tmp_path) as spool:
        await spool.append(record(1))
        assert await numbers(spool) == [1]
    assert moved_aside(tmp_path) == b"not a database " * 1_000


WRITER = """
    async def main() -> None:
        async with opened(Path(sys.argv[1])) as spool:
            async def client(number: int) -> None:
                while True:
                    await spool.append(record(number))
                    sys.stdout.write(f"{number}\\n")
                    sys.stdout.flush()
                    number += 8
            await asyncio.gather(*(client(number) for number in range(8)))
    asyncio.run(main())
"""


@pytest.mark.parametrize("acknowledgements", [1, 37, 400])
async def test_kill_9_at_any_moment_loses_nothing_that_was_acknowledged(tmp_path: Path, acknowledgements: int) -> None:
    writer = run(WRITER, tmp_path)
    assert writer.stdout
    acknowledged = [int(await asyncio.to_thread(writer.stdout.readline)) for _ in range(acknowledgements)]
    writer.send_signal(signal.SIGKILL)
    rest, _ = await asyncio.to_thread(writer.communicate)
    acknowledged += [int(line) for line in rest.splitlines(keepends=True) if line.endswith("\n")]
    async with opened(tmp_path) as spool:
        assert set(acknowledged) <= set(await numbers(spool))
        assert spool.entries == len(await held(spool))


async def test_a_torn_tail_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    writer = run(WRITER, tmp_path)
    assert writer.stdout
    acknowledged = [int(await asyncio.to_thread(writer.stdout.readline)) for _ in range(50)]
    writer.send_signal(signal.SIGKILL)
    await asyncio.to_thread(writer.communicate)
    with (tmp_path / "spool.sqlite3-wal").open("ab") as log:
        log.write(os.urandom(3_000))
    async with opened(tmp_path) as spool:
        assert set(acknowledged) <= set(await numbers(spool))


FILLER = """
    async def main() -> None:
        async with opened(Path(sys.argv[1])) as spool:
            if len(sys.argv) > 2:
                resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
            kept, refused = [], 0
            for number in range(3_000):
                try:
                    await spool.append(record(number))
                except Unavailable:
                    refused += 1
                else:
                    kept.append(number)
            print("result", refused, *kept)
    asyncio.run(main())
"""


def filled(process: "subprocess.Popen[str]") -> tuple[int, list[int]]:
    said, problems = process.communicate(timeout=60)
    assert process.returncode == 0, problems
    [result] = [line for line in said.splitlines() if line.startswith("result ")]
    refused, *kept = map(int, result.split()[1:])
    return refused, kept


async def test_beyond_a_file_size_limit_appends_are_refused_and_what_was_taken_is_there(tmp_path: Path) -> None:
    refused, kept = await asyncio.to_thread(filled, run(FILLER, tmp_path, 1_000_000))
    assert refused > 0
    async with opened(tmp_path) as spool:
        assert set(kept) <= set(await numbers(spool))


async def test_on_a_full_disk_appends_are_refused_and_what_was_taken_is_there(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    if await asyncio.to_thread(subprocess.call, ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk]) != 0:
        pytest.skip("mounting is not allowed here")
    try:
        refused, kept = await asyncio.to_thread(filled, run(FILLER, disk))
        assert refused > 0
        async with opened(disk) as spool:
            assert set(kept) <= set(await eventually(lambda: readable(spool), bool))
            spool.delete([entry.seq for entry in await held(spool)])

            async def takes() -> bool:
                with contextlib.suppress(Unavailable):
                    await spool.append(record(7_777))
                    return True
                return False

            await eventually(takes, bool)
            assert await numbers(spool) == [7_777]
    finally:
        await asyncio.to_thread(subprocess.check_call, ["umount", "--lazy", disk])


class BadDisk(sqlite3.OperationalError):
    """What SQLite raises for a failed fsync."""


async def test_a_failed_commit_gives_up_the_handle_tells_its_waiters_and_goes_on_with_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as spool:
        before = await spool.append(record(1))
        handles: list[object] = []
        commit = SpoolFile.commit

        def failing(file: SpoolFile) -> None:
            handles.append(file._db)
            if len(handles) == 1:
                raise BadDisk("disk I/O error")
            commit(file)

        monkeypatch.setattr(SpoolFile, "commit", failing)
        with pytest.raises(Unavailable):
            await spool.append(record(2))

        async def usable() -> bool:
            return spool.usable

        await eventually(usable, bool)
        after = await spool.append(record(3))
        assert handles.count(handles[0]) == 1
        found = await numbers(spool)
        assert found[0] == 1
        assert found[-1] == 3
        assert before < after


async def test_everything_asked_for_during_a_commit_forms_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits = 0
    commit = SpoolFile.commit

    def counting(file: SpoolFile) -> None:
        nonlocal commits
        commits += 1
        commit(file)

    async with opened(tmp_path) as spool:
        monkeypatch.setattr(SpoolFile, "commit", counting)
        await asyncio.gather(*(spool.append(record(number)) for number in range(1_000)))
        assert await numbers(spool) == list(range(1_000))
    assert commits < 100


async def test_it_is_ready_in_time_with_100000_entries_after_kill_9(tmp_path: Path) -> None:
    rows = []
    for number in range(100_000):
        blob = pack(record(number))
        rows.append((number + 1, "telnyx.messages", record(number).event_key, len(blob), checksum(blob), blob))
    file = SpoolFile(tmp_path / "spool.sqlite3")
    file.open()
    file.begin(durable=True)
    file.insert(rows)
    file.commit()
    file.abandon()
    began = time.monotonic()
    async with opened(tmp_path) as spool:
        seconds = time.monotonic() - began
        assert spool.entries == 100_000
        assert len(spool.recent_keys()) == 100_000
        assert spool.recent_keys() == ()
    assert seconds < 2
