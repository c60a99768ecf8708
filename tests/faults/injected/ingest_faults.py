"""Faults of ingest, of its disk, and of Kafka."""

import asyncio
import os
import resource
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from tests.faults.catalogue import fault, hold, wait_until_ready, wait_until_spooled
from tests.faults.cluster.cluster import STOP_SECONDS, Cluster, counts, wait_long_for
from tests.support.environment.kafka import limit_records
from tests.support.environment.programs import free_port

SLOW_SECONDS = 1.2  # longer than ingest waits for an acknowledgement
BLOCKED_SECONDS = 0.3
SMALL_BYTES = 1_700  # beyond it are one in five records of traffic.py
FULL_BYTES = 256 * 1024


@asynccontextmanager
async def ingest_cut_off_from_kafka(cluster: Cluster) -> AsyncIterator[None]:
    """In the block ingest cannot reach Kafka; all other programs can."""
    await cluster.kafka.cut()
    try:
        yield
    finally:
        await cluster.kafka.restore()


@asynccontextmanager
async def frozen(cluster: Cluster) -> AsyncIterator[None]:
    cluster.kafka.freeze()
    try:
        yield
    finally:
        cluster.kafka.thaw()


async def freeze_broker(cluster: Cluster, *, seconds: float) -> None:
    async with frozen(cluster):
        await hold(seconds)
        await wait_until_ready(cluster)


fault("broker frozen for 3 s", "ingest")(partial(freeze_broker, seconds=3))
fault("broker frozen for 30 s", "ingest", long=True)(partial(freeze_broker, seconds=30))


@fault("brokers killed and started again", "ingest")
async def brokers_killed(cluster: Cluster) -> None:
    cluster.kafka.kill()
    await wait_until_spooled(cluster, 100)
    await asyncio.to_thread(cluster.kafka.start)


@fault("brokers away for a minute", "ingest", long=True)
async def brokers_away(cluster: Cluster) -> None:
    cluster.kafka.kill()
    await hold(60)
    await wait_until_ready(cluster)
    await asyncio.to_thread(cluster.kafka.start)


@fault("partitions without leader for longer than a request waits", "ingest")
async def no_leader(cluster: Cluster) -> None:
    cluster.kafka.nodes[1].kill()
    await wait_until_spooled(cluster, 50)
    await hold(2 * SLOW_SECONDS)
    await asyncio.to_thread(cluster.kafka.start)


@fault("ingest cut off from Kafka", "ingest")
async def ingest_cut_off(cluster: Cluster) -> None:
    async with ingest_cut_off_from_kafka(cluster):
        await wait_until_spooled(cluster, 100)


@fault("slow broker: 1.2 s a produce", "ingest")
async def slow_broker(cluster: Cluster) -> None:
    cluster.kafka.slow_down(SLOW_SECONDS)
    try:
        await wait_until_spooled(cluster, 200)
        await wait_until_ready(cluster)
    finally:
        await cluster.kafka.restore()


@fault("records that Kafka refuses", "ingest")
async def refused_records(cluster: Cluster) -> None:
    before = (await counts(cluster.ingest)).refused
    topics = cluster.mode.topics.values()
    await limit_records(cluster.kafka.bootstrap, topics, SMALL_BYTES)
    try:
        await wait_long_for(lambda: counts(cluster.ingest), lambda now: now.refused >= before + 5)
    finally:
        await limit_records(cluster.kafka.bootstrap, topics)


@fault("ingest killed", "ingest", ends=True)
async def ingest_killed(cluster: Cluster) -> None:
    await cluster.restart_ingest(signal.SIGKILL)


@fault("SIGTERM of ingest", "ingest", ends=True)
async def ingest_stopped(cluster: Cluster) -> None:
    assert await cluster.restart_ingest(signal.SIGTERM) == 0, f"not within {STOP_SECONDS} s, or not well"


@fault("ingest killed with a spool, and again, while brokers are frozen", "ingest", ends=True)
async def ingest_killed_while_kafka_is_away(cluster: Cluster) -> None:
    async with frozen(cluster):
        await wait_until_spooled(cluster, 100)
        await cluster.restart_ingest(signal.SIGKILL)
        await wait_until_spooled(cluster, 50)
        await cluster.restart_ingest(signal.SIGKILL)


async def kill_by(cluster: Cluster, order: str) -> None:
    """Waits until ingest has died at the place of the order, and starts another."""
    await cluster.order(cluster.ingest, order)
    await cluster.wait_until_killed(cluster.ingest)
    await cluster.restart_ingest(signal.SIGKILL)


@fault("ingest killed between fsync and answer", "ingest", ends=True)
async def killed_after_fsync(cluster: Cluster) -> None:
    async with ingest_cut_off_from_kafka(cluster):
        await wait_until_spooled(cluster, 10)
        await kill_by(cluster, "die-after-fsync")


@fault("ingest killed between acknowledgement and answer", "ingest", ends=True)
async def killed_at_acknowledgement(cluster: Cluster) -> None:
    await kill_by(cluster, "die-at-acknowledgement")


@fault("ingest killed between acknowledgement and the spool's delete", "ingest", ends=True)
async def killed_before_delete(cluster: Cluster) -> None:
    async with ingest_cut_off_from_kafka(cluster):
        await wait_until_spooled(cluster, 50)
        await cluster.order(cluster.ingest, "die-before-delete")
    await cluster.wait_until_killed(cluster.ingest)
    await cluster.restart_ingest(signal.SIGKILL)


@fault("ingest's loop blocked for 300 ms", "ingest")
async def ingest_blocked(cluster: Cluster) -> None:
    for _ in range(3):
        await cluster.order(cluster.ingest, f"block {BLOCKED_SECONDS}")


@fault("ingest's loop blocked for 300 ms while brokers are frozen", "ingest")
async def ingest_blocked_while_kafka_is_away(cluster: Cluster) -> None:
    async with frozen(cluster):
        for _ in range(3):
            await cluster.order(cluster.ingest, f"block {BLOCKED_SECONDS}")
        await wait_until_spooled(cluster, 50)


@fault("ingest's clock ten minutes ahead, then ten behind", "ingest")
async def clock_off(cluster: Cluster) -> None:
    with cluster.excused(403):
        for seconds in (600, -600):
            await cluster.order(cluster.ingest, f"clock {seconds}")
            await hold(1.5)
        await cluster.order(cluster.ingest, "clock 0")


@fault("the spool's disk full while Kafka is cut off", "ingest")
async def disk_full(cluster: Cluster) -> None:
    process = cluster.ingest.program
    log_bytes = process.log.stat().st_size  # it is under the limit, too
    async with ingest_cut_off_from_kafka(cluster):
        with cluster.excused(503):
            resource.prlimit(process.process.pid, resource.RLIMIT_FSIZE, (log_bytes + FULL_BYTES, -1))
            await wait_long_for(cluster.ingest.ready, lambda status: status == 503)
            await hold(1)
            resource.prlimit(process.process.pid, resource.RLIMIT_FSIZE, (-1, -1))
            await wait_long_for(cluster.ingest.ready, lambda status: status == 200)
        await wait_until_spooled(cluster, 20)


@fault("a torn tail of the spool's log", "ingest", ends=True)
async def torn_tail(cluster: Cluster) -> None:
    async with ingest_cut_off_from_kafka(cluster):
        await wait_until_spooled(cluster, 50)
        old = cluster.ingest.program.process
        old.kill()
        await asyncio.to_thread(old.wait)
        with (cluster.spool() / "spool.sqlite3-wal").open("ab") as log:
            log.write(os.urandom(3_000))
        await cluster.restart_ingest(signal.SIGKILL)


@fault("a second process on the spool's directory", "ingest")
async def second_process(cluster: Cluster) -> None:
    done = await asyncio.to_thread(
        cluster.programs.run,
        "ingest",
        environment=cluster.mode.environment,
        LEDGER_PORT=str(free_port()),
        LEDGER_SPOOL_DIR=str(cluster.spool()),
    )
    assert done.returncode == 2
    assert "LEDGER_SPOOL_DIR" in done.stdout + done.stderr
