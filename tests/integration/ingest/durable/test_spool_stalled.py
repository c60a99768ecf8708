"""A disk that does not answer: appends fail in time, the spool is not usable, and rows without a sender are dropped."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.durable.spool import Spool
from ingest.durable.spool_file import SpoolFile
from ingest.durable.spool_only import SpoolOnly
from ingest.metrics import IngestMetrics
from schemas.errors import Unavailable
from tests.support.environment.waiting import until
from tests.support.ingest.fakes import MemorySink
from tests.support.ingest.scripted_publisher import persist, running
from tests.support.ingest.spool import record


class Disk:
    """Commits wait while it is stalled."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.answers.set()
        self.reached = threading.Event()


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    disk, commit = Disk(), SpoolFile.commit

    def slow(file: SpoolFile) -> None:
        disk.reached.set()
        disk.answers.wait(30)
        commit(file)

    monkeypatch.setattr(SpoolFile, "commit", slow)
    yield disk
    disk.answers.set()


async def test_a_stalled_disk_is_not_ready_and_takes_nothing_that_was_answered(tmp_path: Path, disk: Disk) -> None:
    metrics, sink = IngestMetrics(), MemorySink()
    sink.away = True
    spool = Spool(tmp_path, 1 << 30, metrics)
    port = SpoolOnly(spool, sink, metrics)
    await port.start()
    try:
        disk.answers.clear()
        disk.reached.clear()
        loop = asyncio.get_running_loop()
        sent = [asyncio.create_task(port.persist(record(0), loop.time() + 1.5))]
        await until(disk.reached.is_set, bool)
        sent += [asyncio.create_task(port.persist(record(number), loop.time() + 1.5)) for number in range(1, 50)]
        async with asyncio.timeout(4):
            answers = await asyncio.gather(*sent, return_exceptions=True)
        assert all(isinstance(answer, Unavailable) for answer in answers)
        assert not port.can_accept
        assert port.problem == "the spool's disk does not answer"
        began = loop.time()
        with pytest.raises(Unavailable):
            await port.persist(record(99), loop.time() + 1.5)
        assert loop.time() - began < 0.5
        disk.answers.set()
        await until(lambda: port.can_accept, bool)
        await port.persist(record(100), loop.time() + 1.5)
        assert spool.entries <= 2  # the one that was being written, and the last
        assert spool.bytes < 4_000
    finally:
        disk.answers.set()
        await port.close()


async def test_a_stalled_disk_does_not_keep_requests_from_kafka(tmp_path: Path, disk: Disk) -> None:
    async with running(tmp_path) as (port, publisher):
        publisher.silent = True
        disk.answers.clear()
        with contextlib.suppress(Unavailable):
            await persist(port, 1)
        assert port.sink_unavailable
        publisher.silent = False
        await until(lambda: port.sink_unavailable, lambda away: not away)
        assert await persist(port, 2)
        disk.answers.set()
