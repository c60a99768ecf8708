"""Faults of ingest, of its disk, and of Kafka."""

import asyncio
import os
import resource
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.faults.catalogue import fault, is_ready, lasts, spooled
from tests.faults.cluster.cluster import STOP_SECONDS, Site, patiently, way
from tests.support.environment.kafka import limit_records
from tests.support.environment.programs import free_port

SLOW_SECONDS = 1.2  # longer than anybody waits for an acknowledgement
BLOCKED_SECONDS = 0.3
SMALL_BYTES = 1_700  # beyond it are one in five records of traffic.py
FULL_BYTES = 256 * 1024


@asynccontextmanager
async def cut_off(site: Site) -> AsyncIterator[None]:
    """Ingest cannot reach Kafka during the block; everybody else can."""
    await site.kafka.cut()
    try:
        yield
    finally:
        await site.kafka.mend()


@asynccontextmanager
async def frozen(site: Site) -> AsyncIterator[None]:
    site.kafka.freeze()
    try:
        yield
    finally:
        site.kafka.thaw()


@fault("broker frozen for 3 s", "front")
async def broker_frozen(site: Site) -> None:
    async with frozen(site):
        await lasts(3)
        await is_ready(site)


@fault("broker frozen for 30 s", "front", long=True)
async def broker_frozen_for_long(site: Site) -> None:
    async with frozen(site):
        await lasts(30)
        await is_ready(site)


@fault("brokers killed and started again", "front")
async def brokers_killed(site: Site) -> None:
    site.kafka.kill()
    await spooled(site, 100)
    await asyncio.to_thread(site.kafka.start)


@fault("brokers away for a minute", "front", long=True)
async def brokers_away(site: Site) -> None:
    site.kafka.kill()
    await lasts(60)
    await is_ready(site)
    await asyncio.to_thread(site.kafka.start)


@fault("partitions without leader for longer than a request waits", "front")
async def no_leader(site: Site) -> None:
    site.kafka.nodes[1].kill()
    await spooled(site, 50)
    await lasts(2 * SLOW_SECONDS)
    await asyncio.to_thread(site.kafka.start)


@fault("ingest cut off from Kafka", "front")
async def ingest_cut_off(site: Site) -> None:
    async with cut_off(site):
        await spooled(site, 100)


@fault("slow broker: 1.2 s a produce", "front")
async def slow_broker(site: Site) -> None:
    site.kafka.slow_down(SLOW_SECONDS)
    try:
        await spooled(site, 200)
        await is_ready(site)
    finally:
        await site.kafka.mend()


@fault("records that Kafka refuses", "front")
async def refused_records(site: Site) -> None:
    before = (await way(site.ingest)).refused
    topics = site.mode.topics.values()
    await limit_records(site.kafka.bootstrap, topics, SMALL_BYTES)
    try:
        await patiently(lambda: way(site.ingest), lambda now: now.refused >= before + 5)
    finally:
        await limit_records(site.kafka.bootstrap, topics)


@fault("ingest killed", "front", ends=True)
async def ingest_killed(site: Site) -> None:
    await site.restart_ingest(signal.SIGKILL)


@fault("SIGTERM of ingest", "front", ends=True)
async def ingest_stopped(site: Site) -> None:
    assert await site.restart_ingest(signal.SIGTERM) == 0, f"not within {STOP_SECONDS} s, or not well"


@fault("ingest killed with a spool, and again, while brokers are frozen", "front", ends=True)
async def ingest_killed_while_kafka_is_away(site: Site) -> None:
    async with frozen(site):
        await spooled(site, 100)
        await site.restart_ingest(signal.SIGKILL)
        await spooled(site, 50)
        await site.restart_ingest(signal.SIGKILL)


@fault("ingest killed between fsync and answer", "front", ends=True)
async def killed_after_fsync(site: Site) -> None:
    async with cut_off(site):
        await spooled(site, 10)
        await site.order(site.ingest, "die-after-fsync")
        await site.dies(site.ingest)
        await site.restart_ingest(signal.SIGKILL)


@fault("ingest killed between acknowledgement and answer", "front", ends=True)
async def killed_at_acknowledgement(site: Site) -> None:
    await site.order(site.ingest, "die-at-acknowledgement")
    await site.dies(site.ingest)
    await site.restart_ingest(signal.SIGKILL)


@fault("ingest killed between acknowledgement and the spool's delete", "front", ends=True)
async def killed_before_delete(site: Site) -> None:
    async with cut_off(site):
        await spooled(site, 50)
        await site.order(site.ingest, "die-before-delete")
    await site.dies(site.ingest)
    await site.restart_ingest(signal.SIGKILL)


@fault("ingest's loop blocked for 300 ms", "front")
async def ingest_blocked(site: Site) -> None:
    for _ in range(3):
        await site.order(site.ingest, f"block {BLOCKED_SECONDS}")


@fault("ingest's loop blocked for 300 ms while brokers are frozen", "front")
async def ingest_blocked_while_kafka_is_away(site: Site) -> None:
    async with frozen(site):
        for _ in range(3):
            await site.order(site.ingest, f"block {BLOCKED_SECONDS}")
        await spooled(site, 50)


@fault("ingest's clock ten minutes ahead, then ten behind", "front")
async def clock_off(site: Site) -> None:
    with site.excused(403):
        for seconds in (600, -600):
            await site.order(site.ingest, f"clock {seconds}")
            await lasts(1.5)
        await site.order(site.ingest, "clock 0")


@fault("the spool's disk full while Kafka is cut off", "front")
async def disk_full(site: Site) -> None:
    process = site.ingest.program
    log_bytes = process.log.stat().st_size  # it is under the limit, too
    async with cut_off(site):
        with site.excused(503):
            resource.prlimit(process.process.pid, resource.RLIMIT_FSIZE, (log_bytes + FULL_BYTES, -1))
            await patiently(site.ingest.ready, lambda status: status == 503)
            await lasts(1)
            resource.prlimit(process.process.pid, resource.RLIMIT_FSIZE, (-1, -1))
            await patiently(site.ingest.ready, lambda status: status == 200)
        await spooled(site, 20)


@fault("a torn tail of the spool's log", "front", ends=True)
async def torn_tail(site: Site) -> None:
    async with cut_off(site):
        await spooled(site, 50)
        old = site.ingest.program.process
        old.kill()
        await asyncio.to_thread(old.wait)
        with (site.spool() / "spool.sqlite3-wal").open("ab") as log:
            log.write(os.urandom(3_000))
        await site.restart_ingest(signal.SIGKILL)


@fault("a second process on the spool's directory", "front")
async def second_process(site: Site) -> None:
    done = await asyncio.to_thread(
        site.programs.run,
        "ingest",
        environment=site.mode.environment,
        LEDGER_PORT=str(free_port()),
        LEDGER_SPOOL_DIR=str(site.spool()),
    )
    assert done.returncode == 2
    assert "LEDGER_SPOOL_DIR" in done.stdout + done.stderr
