"""A long Kafka outage: ingest answers 2xx from the spool, restarts fast after a kill, and everything arrives."""

import asyncio
import signal
import time
from collections.abc import Sequence
from typing import Any

from tests.faults.catalogue import wait_until_ready
from tests.faults.cluster.brokers import proxied_kafka
from tests.faults.cluster.cluster import Cluster, counts
from tests.faults.cluster.promise_log import Entry
from tests.support.environment.programs import Programs
from tests.support.environment.waiting import eventually


async def kafka_outage(programs: Programs, *, seconds: float, rate: float, seed: str = "outage") -> dict[str, Any]:
    """The checker's figures and those of the outage.

    `median_seconds` and `p99_seconds` of 2xx in the outage; `spooled` at its end; `ready_seconds` from a kill of ingest
    to its successor; `drained_seconds` from Kafka's return to an empty spool.
    """
    async with proxied_kafka(programs.directory / "kafka") as kafka, Cluster.opened(programs, kafka) as cluster:
        await cluster.start()
        cluster.send(seed, rate=rate)
        await cluster.wait_until_recovered()
        kafka.kill()
        began = time.time()
        while time.time() < began + seconds:
            await asyncio.sleep(1)
            await wait_until_ready(cluster)
        answers = [entry for entry in cluster.entries(seed) if entry.seconds is not None and entry.at >= began]
        spooled = (await counts(cluster.ingest)).waiting
        ready_seconds = await _killed(cluster)
        await asyncio.to_thread(kafka.start)
        back = time.monotonic()
        limit = max(60.0, seconds)
        await eventually(
            lambda: counts(cluster.ingest), lambda now: not now.waiting and not now.away, timeout_seconds=limit
        )
        drained_seconds = time.monotonic() - back
        await cluster.wait_until_recovered()
        await cluster.stop_senders()
        figures = await cluster.verdict(wait_seconds=limit)
    accepted = [entry for entry in answers if entry.status == 200]
    return figures | {
        "answers_meanwhile": len(answers),
        "accepted_meanwhile": len(accepted),
        "median_seconds": _quantile(accepted, 50),
        "p99_seconds": _quantile(accepted, 99),
        "spooled": spooled,
        "ready_seconds": round(ready_seconds, 2),
        "drained_seconds": round(drained_seconds, 1),
    }


async def _killed(cluster: Cluster) -> float:
    """Seconds from the kill of ingest until its successor is ready, including the start of Python."""
    began = time.monotonic()
    await cluster.restart_ingest(signal.SIGKILL)
    await wait_until_ready(cluster)
    return time.monotonic() - began


def _quantile(answers: Sequence[Entry], percent: int) -> float:
    taken = sorted(entry.seconds or 0 for entry in answers)
    return round(taken[len(taken) * percent // 100], 4)
