"""`spool retry` queues refused entries again, and says what to do while a process holds the spool."""

import asyncio
from pathlib import Path

from tests.support.environment.programs import Programs
from tests.support.ingest.spool import numbers, opened, record


async def refuse_one(directory: Path) -> None:
    async with opened(directory) as spool:
        seqs = await asyncio.gather(*(spool.append(record(number)) for number in range(3)))
        await spool.refuse(seqs[1], "message_too_large")


async def test_refused_entries_are_queued_again(programs: Programs, tmp_path: Path) -> None:
    await refuse_one(tmp_path)
    done = await asyncio.to_thread(programs.run, "spool", "retry", LEDGER_SPOOL_DIR=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("1 entry was queued again")
    async with opened(tmp_path) as spool:
        assert await numbers(spool) == [0, 1, 2]
        assert spool.refused == 0


async def test_a_spool_that_a_process_holds_is_left_alone(programs: Programs, tmp_path: Path) -> None:
    await refuse_one(tmp_path)
    async with opened(tmp_path) as spool:
        done = await asyncio.to_thread(programs.run, "spool", "retry", LEDGER_SPOOL_DIR=str(tmp_path))
        assert done.returncode == 2
        assert "is held by a running process. Send that process SIGUSR1" in done.stderr
        assert spool.refused == 1


async def test_a_directory_without_a_spool_is_named(programs: Programs, tmp_path: Path) -> None:
    done = await asyncio.to_thread(programs.run, "spool", "retry", LEDGER_SPOOL_DIR=str(tmp_path / "other"))
    assert done.returncode == 2
    assert f"LEDGER_SPOOL_DIR: {tmp_path / 'other'} has no spool" in done.stderr
    assert not (tmp_path / "other").exists()
