"""A spool that fills up says so in the log, once per mark, and in its metrics."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ingest.durable.spool import Spool
from ingest.metrics import IngestMetrics
from schemas.errors import Unavailable
from schemas.kafka.record import Delivery, pack, quarantine_record
from schemas.kafka.topics import Topics
from tests.support.environment.waiting import until
from tests.support.ingest.spool import opened, record

SIZE = len(pack(record(10)))
LIMIT = 20 * SIZE


async def test_half_80_percent_and_full_are_said_once_with_the_limit_and_its_setting(tmp_path: Path) -> None:
    with capture_logs() as lines:
        async with opened(tmp_path, max_bytes=LIMIT) as spool:
            seqs = [await spool.append(record(number)) for number in range(10, 30)]
            for _ in range(3):
                with pytest.raises(
                    Unavailable, match=r"the spool is full: \d+ of \d+ bytes \(LEDGER_SPOOL_MAX_BYTES\)"
                ):
                    spool.append(record(99))
            spool.delete(seqs[:1])
            await until(lambda: spool.usable, bool)
            await spool.append(record(30))
            spool.delete(seqs)
            await until(lambda: spool.entries, lambda left: left == 1)
    said = [(line["log_level"], line["event"], line["percent"]) for line in lines if "percent" in line]
    assert said == [("warning", "spool_filling", 50), ("warning", "spool_filling", 80), ("error", "spool_full", 100)]
    [full] = [line for line in lines if line["event"] == "spool_full"]
    assert (full["bytes"], full["limit_bytes"], full["setting"]) == (LIMIT, LIMIT, "LEDGER_SPOOL_MAX_BYTES")
    assert [line["event"] for line in lines if line["event"] == "spool_has_room"] == ["spool_has_room"]


async def test_the_age_of_the_oldest_entry_survives_a_restart_and_follows_deletions(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    deliveries = [
        Delivery(b"{}", bytes(64), "1772366400", "0" * 16, "default", now - timedelta(hours=hours)) for hours in (5, 2)
    ]
    async with opened(tmp_path) as spool:
        assert spool.oldest_seconds == 0
        for delivery in deliveries:
            await spool.append(quarantine_record(Topics(), "00000000-0000-0000-0000-000000000001", "x", delivery))
    async with opened(tmp_path) as spool:
        assert spool.oldest_seconds == pytest.approx(5 * 3600, abs=60)
        spool.delete([1])
        await until(lambda: spool.oldest_seconds, lambda seconds: abs(seconds - 2 * 3600) < 60)
        spool.delete([2])
        await until(lambda: spool.oldest_seconds, lambda seconds: seconds == 0)


async def test_malformed_files_and_damaged_entries_are_counted(tmp_path: Path) -> None:
    (tmp_path / "spool.sqlite3").write_bytes(b"not a database " * 1_000)
    spool = Spool(tmp_path, 1 << 30, IngestMetrics())
    await spool.open()
    try:
        assert (spool.malformed_files, spool.damaged) == (1, 0)
    finally:
        await spool.close()
