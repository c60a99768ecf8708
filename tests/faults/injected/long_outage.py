"""Kafka away for long: 2xx goes on by the spool, an ingest that is killed is soon back, and all of it arrives."""

import asyncio
import signal
import time
from collections.abc import Sequence
from typing import Any

from tests.faults.catalogue import is_ready
from tests.faults.cluster.brokers import two_way_kafka
from tests.faults.cluster.cluster import Site, way
from tests.faults.cluster.promise_log import Entry
from tests.support.environment.programs import Programs
from tests.support.environment.waiting import eventually


async def kafka_away(programs: Programs, *, seconds: float, rate: float, seed: str = "away") -> dict[str, Any]:
    """The checker's figures, and more: `median_seconds` and `p99_seconds` of 2xx meanwhile; `spooled` at the end of it;
    `ready_seconds` from a kill of ingest then to its successor; `drained_seconds` from Kafka's return to an empty
    spool.
    """
    async with two_way_kafka(programs.directory / "kafka") as kafka, Site.opened(programs, kafka) as site:
        await site.start()
        site.send(seed, rate=rate)
        await site.recovered()
        kafka.kill()
        began = time.time()
        while time.time() < began + seconds:
            await asyncio.sleep(1)
            await is_ready(site)
        answers = [entry for entry in site.entries(seed) if entry.seconds is not None and entry.at >= began]
        spooled = (await way(site.ingest)).waiting
        ready_seconds = await _killed(site)
        await asyncio.to_thread(kafka.start)
        back = time.monotonic()
        limit = max(60.0, seconds)
        await eventually(lambda: way(site.ingest), lambda now: not now.waiting and not now.away, timeout_seconds=limit)
        drained_seconds = time.monotonic() - back
        await site.recovered()
        await site.silence()
        figures = await site.verdict(wait_seconds=limit)
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


async def _killed(site: Site) -> float:
    """Seconds from the kill of ingest until its successor is ready, the start of Python included."""
    began = time.monotonic()
    await site.restart_ingest(signal.SIGKILL)
    await is_ready(site)
    return time.monotonic() - began


def _quantile(answers: Sequence[Entry], percent: int) -> float:
    taken = sorted(entry.seconds or 0 for entry in answers)
    return round(taken[len(taken) * percent // 100], 4)
