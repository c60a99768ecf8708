"""SpoolOnly delivers every record to the sink, in order, and delayed records do not hold up the others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ingest.durable import drainer
from ingest.durable.spool import Spool
from ingest.durable.spool_only import SpoolOnly
from ingest.metrics import IngestMetrics
from schemas.errors import Unavailable
from schemas.kafka.record import Record
from tests.support.environment.waiting import until
from tests.support.ingest.fakes import MemorySink


@asynccontextmanager
async def running(directory: Path, sink: MemorySink) -> AsyncIterator[tuple[SpoolOnly, Spool]]:
    metrics = IngestMetrics()
    spool = Spool(directory, 1 << 30, metrics)
    port = SpoolOnly(spool, sink, metrics)
    await port.start()
    try:
        yield port, spool
    finally:
        await port.close()
    assert port.draining is not None
    assert port.draining.exception() is None


async def persist(port: SpoolOnly, *keys: str) -> None:
    deadline = asyncio.get_running_loop().time() + 5
    await asyncio.gather(*(port.persist(Record("t", b"k", b"body", (), key), deadline) for key in keys))


async def emptied(spool: Spool, entries: int = 0) -> None:
    await until(lambda: spool.entries, lambda found: found == entries)


def keys(first: int, beyond: int) -> list[str]:
    return [f"{number:05d}" for number in range(first, beyond)]


async def test_everything_is_delivered_once_and_in_order(tmp_path: Path) -> None:
    sink = MemorySink()
    async with running(tmp_path, sink) as (port, spool):
        for first in range(0, 2_000, 100):
            await persist(port, *keys(first, first + 100))
        await emptied(spool)
    assert sink.kept == keys(0, 2_000)


async def test_a_sink_that_was_unavailable_gets_every_record_in_order(tmp_path: Path) -> None:
    sink = MemorySink()
    sink.away = True
    async with running(tmp_path, sink) as (port, spool):
        await persist(port, *keys(0, 1_000))
        assert port.can_accept
        await until(lambda: len(sink.batches), lambda attempts: attempts >= 3)
        assert port.sink_unavailable
        sink.away = False
        await emptied(spool)
        assert not port.sink_unavailable
    assert sink.kept == keys(0, 1_000)
    assert max(sink.batches[1:3]) <= 20


async def test_undelivered_records_are_known_and_delivered_after_a_restart(tmp_path: Path) -> None:
    sink = MemorySink()
    sink.away = True
    async with running(tmp_path, sink) as (port, _):
        await persist(port, *keys(0, 30))
    sink.away = False
    async with running(tmp_path, sink) as (port, spool):
        assert sorted(port.recent_keys()) == [("t", key) for key in keys(0, 30)]
        await emptied(spool)
    assert sink.kept == keys(0, 30)


async def test_refused_and_delayed_entries_do_not_hold_up_the_others(tmp_path: Path) -> None:
    sink = MemorySink()
    sink.refuses, sink.later = {"00003"}, {"00005"}
    async with running(tmp_path, sink) as (port, spool):
        await persist(port, *keys(0, 10))
        await emptied(spool, 1)
        assert spool.refused == 1
        assert sink.kept == ["00000", "00001", "00002", "00004", "00006", "00007", "00008", "00009"]
        await persist(port, *keys(10, 12))
        await emptied(spool, 1)
        sink.later = set()
        await emptied(spool)
        assert sorted(sink.kept) == sorted(set(keys(0, 12)) - {"00003"})


async def test_more_delayed_entries_than_a_batch_hide_nothing(tmp_path: Path) -> None:
    sink = MemorySink()
    sink.later = set(keys(0, 1_200))
    async with running(tmp_path, sink) as (port, spool):
        await persist(port, *keys(0, 1_300))
        await emptied(spool, 1_200)
        assert sink.kept == keys(1_200, 1_300)


async def test_many_delayed_entries_do_not_starve_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drainer, "BATCH_BYTES", 1_000)  # some 20 entries
    sink = MemorySink()
    sink.later = set(keys(0, 900))
    async with running(tmp_path, sink) as (port, spool):
        await persist(port, *keys(0, 910))
        await emptied(spool, 900)
        assert sink.kept == keys(900, 910)


async def test_refused_entries_are_tried_again_at_the_next_start(tmp_path: Path) -> None:
    sink = MemorySink()
    sink.refuses = {"00001"}
    async with running(tmp_path, sink) as (port, spool):
        await persist(port, *keys(0, 3))
        await emptied(spool)
        assert spool.refused == 1
    sink.refuses = set()
    async with running(tmp_path, sink) as (_, spool):
        await until(lambda: len(sink.kept), lambda count: count == 3)
        await emptied(spool)
        assert spool.refused == 0
        assert spool.bytes == 0


async def test_nothing_is_accepted_after_close(tmp_path: Path) -> None:
    async with running(tmp_path, MemorySink()) as (port, _):
        pass
    assert not port.can_accept
    with pytest.raises(Unavailable):
        await persist(port, "late")
