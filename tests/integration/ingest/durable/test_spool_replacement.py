"""A malformed spool file is replaced: a kill at any moment, or a disk without room, loses and hides no entry."""

import asyncio
import contextlib
import re
import sqlite3
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ingest.durable import spool_replacement
from ingest.durable.spool_file import PAGE_BYTES, SpoolFile, checksum
from schemas.kafka.record import pack
from tests.support.environment.waiting import until
from tests.support.ingest.spool import numbers, opened, record, run

ENTRIES = 300

# Each turn opens a copy of the directory in a child, and kills it at the next event of the interpreter: a file that is
# opened, renamed or removed, a database that is connected. Prints the number of entries that the next open finds.
KILLED_AT_EVERY_MOMENT = """
    import itertools, shutil
    from ingest.durable.spool_file import SpoolFile

    MOMENTS = ("open", "os.rename", "os.remove", "sqlite3.connect", "sqlite3.connect/handle")
    for moment in itertools.count(1):
        directory = Path(sys.argv[1]).with_name(f"killed-{moment}")
        shutil.copytree(sys.argv[1], directory)
        child = os.fork()
        if child == 0:
            left = moment
            def count(event, _):
                global left
                left -= event in MOMENTS
                if not left:
                    os._exit(9)
            sys.addaudithook(count)
            SpoolFile(directory / "spool.sqlite3").open()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print("entries", SpoolFile(directory / "spool.sqlite3").open().entries, flush=True)
        if status == 0:
            break
"""

WITHOUT_ROOM = """
    from ingest.durable.spool_file import SpoolFile
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
    try:
        SpoolFile(Path(sys.argv[1]) / "spool.sqlite3").open()
    except Exception as error:
        print("failed", error)
"""


def make_file(path: Path, entries: int = ENTRIES) -> None:
    """A spool file with `entries`, as after a regular stop."""
    file = SpoolFile(path)
    file.open()
    file.begin(durable=True)
    blobs = [(number, pack(record(number))) for number in range(1, entries + 1)]
    file.insert((number, "t", f"key-{number}", len(blob), checksum(blob), blob) for number, blob in blobs)
    file.commit()
    file.truncate_log()
    file.abandon()


def damage_index(path: Path) -> None:
    """Overwrite a page that holds no entry, so that every entry stays readable."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        page = database.execute("select rootpage from sqlite_master where name = 'pending_keys'").fetchone()[0]
    content = bytearray(path.read_bytes())
    content[(page - 1) * PAGE_BYTES : (page - 1) * PAGE_BYTES + 16] = b"\xff" * 16
    path.write_bytes(content)


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    directory = tmp_path / "damaged"
    directory.mkdir()
    make_file(directory / "spool.sqlite3")
    damage_index(directory / "spool.sqlite3")
    return directory


async def test_kill_9_at_any_moment_of_a_replacement_hides_no_entry(damaged: Path) -> None:
    said, problems = await asyncio.to_thread(run(KILLED_AT_EVERY_MOMENT, damaged).communicate)
    found = [int(line.split()[1]) for line in said.splitlines() if line.startswith("entries")]
    assert found == [ENTRIES] * len(found), problems
    assert len(found) > 5


async def test_a_replacement_that_fails_half_way_hides_no_entry(damaged: Path) -> None:
    said, problems = await asyncio.to_thread(run(WITHOUT_ROOM, damaged, 200_000).communicate)
    assert "failed" in said, problems
    async with opened(damaged) as spool:
        assert sorted(await numbers(spool)) == list(range(1, ENTRIES + 1))
        assert spool.usable


async def test_without_room_for_the_copy_the_log_says_how_much_is_needed_until_there_is_room(
    damaged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = 1_000
    monkeypatch.setattr(spool_replacement, "free_bytes", lambda _: room)
    with capture_logs() as lines:
        async with opened(damaged) as spool:
            assert not spool.usable
            room = 1 << 30
            await until(lambda: spool.usable, bool)
            assert sorted(await numbers(spool)) == list(range(1, ENTRIES + 1))
    [failed] = [line for line in lines if line["event"] == "spool_failed"]
    assert re.search(r"copying its entries needs \d{6,} bytes of free disk: make room", failed["error"])
    assert [line["entries_saved"] for line in lines if line["event"] == "spool_malformed"] == [ENTRIES]


def leave_aside(directory: Path) -> None:
    """A spool with one entry, beside a file that an older version left with ENTRIES."""
    make_file(directory / "spool.sqlite3", 1)
    (directory / "elsewhere").mkdir()
    make_file(directory / "elsewhere" / "spool.sqlite3")
    (directory / "elsewhere" / "spool.sqlite3").rename(directory / "spool-malformed-20260301T120000.000000Z.sqlite3")


async def test_entries_that_an_older_version_left_aside_are_carried_over_once(tmp_path: Path) -> None:
    leave_aside(tmp_path)
    for _ in range(2):
        async with opened(tmp_path) as spool:
            assert await numbers(spool) == [1, *range(1, ENTRIES + 1)]
            assert spool.entries == ENTRIES + 1


async def test_a_file_that_finds_no_room_waits_for_the_next_start_and_the_spool_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_aside(tmp_path)
    with monkeypatch.context() as full_disk, capture_logs() as lines:
        full_disk.setattr(spool_replacement, "free_bytes", lambda _: 1_000)
        async with opened(tmp_path) as spool:
            await spool.append(record(2))
            assert await numbers(spool) == [1, 2]
    assert "make room" in next(line["error"] for line in lines if line["event"] == "spool_file_not_carried_over")
    async with opened(tmp_path) as spool:
        assert await numbers(spool) == [1, 2, *range(1, ENTRIES + 1)]
