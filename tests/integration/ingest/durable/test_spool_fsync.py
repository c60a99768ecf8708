"""Every commit of entries is synchronous. A test cannot crash the machine, so it asks SQLite for the level."""

import asyncio
from pathlib import Path

import pytest

from ingest.durable.spool_file import SpoolFile
from tests.support.ingest.spool import opened, record

FULL = 2  # an fsync of the log before a commit returns (sqlite.org/pragma.html#pragma_synchronous)


async def test_every_row_is_committed_with_an_fsync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    levels: list[int] = []
    insert = SpoolFile.insert

    def asking(file: SpoolFile, rows: list[object]) -> None:
        if rows:
            levels.append(file._row("pragma synchronous")[0])
        insert(file, rows)  # type: ignore[arg-type]

    monkeypatch.setattr(SpoolFile, "insert", asking)
    async with opened(tmp_path) as spool:
        first = await spool.append(record(1))
        spool.delete([first])  # needs no fsync, and must not turn it off for the next commit
        await asyncio.gather(*(spool.append(record(number)) for number in range(2, 50)))
    assert set(levels) == {FULL}
