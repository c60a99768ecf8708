"""A spool on a full disk: appends fail, stored entries stay, and it recovers."""

import asyncio
import contextlib
import os
import sqlite3
import subprocess
from pathlib import Path

import pytest

from ingest.durable.spool_file import SpoolFile
from schemas.errors import Unavailable
from tests.support.environment.waiting import eventually, until
from tests.support.ingest.spool import held, numbers, opened, readable, record, run

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


async def test_beyond_a_file_size_limit_appends_fail_and_stored_entries_stay(tmp_path: Path) -> None:
    refused, kept = await asyncio.to_thread(filled, run(FILLER, tmp_path, 1_000_000))
    assert refused > 0
    async with opened(tmp_path) as spool:
        assert set(kept) <= set(await numbers(spool))


async def test_on_a_full_disk_appends_fail_and_stored_entries_stay(tmp_path: Path) -> None:
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
    """The error of SQLite for a failed fsync."""


async def test_a_failed_commit_fails_its_appends_and_replaces_the_handle(
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
        await until(lambda: spool.usable, bool)
        after = await spool.append(record(3))
        assert handles.count(handles[0]) == 1
        found = await numbers(spool)
        assert found[0] == 1
        assert found[-1] == 3
        assert before < after
