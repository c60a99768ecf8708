"""A spool whose process was killed: acknowledged entries stay, and it opens in time with any number of them."""

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from ingest.durable.spool_file import SpoolFile, checksum
from schemas.kafka.record import pack
from tests.support.ingest.spool import held, numbers, opened, record, run

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


async def test_a_spool_of_100000_entries_is_ready_in_time_after_kill_9(tmp_path: Path) -> None:
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
