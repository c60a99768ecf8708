"""The spool on a real file system: entries stay until they are deleted, and other users cannot read them."""

import asyncio
from pathlib import Path

import pytest

from ingest.durable.spool import Spool
from ingest.durable.spool_file import SpoolFile
from ingest.metrics import IngestMetrics
from schemas.errors import Misconfigured, Unavailable
from schemas.kafka.record import Record, pack
from tests.support.environment.waiting import until
from tests.support.ingest.spool import ALL, ROOMY, held, numbers, opened, record, run


async def test_entries_are_read_back_in_order_and_whole(tmp_path: Path) -> None:
    records = [record(number, size) for number, size in enumerate([1, 5_000, 300_000, 1_200])]
    async with opened(tmp_path) as spool:
        await asyncio.gather(*(spool.append(entry) for entry in records))
        assert [entry.record for entry in await held(spool)] == records
        assert spool.entries == 4
    async with opened(tmp_path) as spool:
        assert [entry.record for entry in await held(spool)] == records
        assert spool.bytes == sum(len(pack(entry)) for entry in records)


async def test_entries_that_are_deleted_or_refused_do_not_come_back(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        seqs = await asyncio.gather(*(spool.append(record(number)) for number in range(5)))
        spool.delete(seqs[:2])
        spool.delete(seqs[:2])  # twice, as a late acknowledgement and the drainer may do
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


async def test_a_full_spool_refuses_at_once_until_it_has_room(tmp_path: Path) -> None:
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


async def test_a_second_process_on_the_directory_names_the_setting(tmp_path: Path) -> None:
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


async def test_other_users_cannot_read_it_and_deleted_text_is_overwritten(tmp_path: Path) -> None:
    directory = tmp_path / "spool"
    secret = Record("t", b"k", b"do not keep this text", (), "e")
    async with opened(directory) as spool:
        seq = await spool.append(secret)
        names = ["lock", "reserve", "spool.sqlite3", "spool.sqlite3-wal", "spool.sqlite3-shm"]
        modes = {path.name: path.stat().st_mode & 0o777 for path in directory.iterdir()}
        assert modes == dict.fromkeys(names, 0o600)
        assert directory.stat().st_mode & 0o777 == 0o700
        spool.delete([seq])
        await until(lambda: [path for path in directory.iterdir() if secret.value in path.read_bytes()], [].__eq__)


async def test_jobs_submitted_in_a_commit_form_the_next_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
