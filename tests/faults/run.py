"""One run: a cluster under load, turns of faults with recovery, then the checker and `rebuild --check`."""

import asyncio
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import tests.faults.injected.ingest_faults
import tests.faults.injected.projector_faults  # noqa: F401 -- both register their faults
from tests.faults.catalogue import FAULTS
from tests.faults.cluster.brokers import proxied_kafka
from tests.faults.cluster.cluster import Cluster
from tests.faults.process_samples import Resources
from tests.support.environment.programs import Programs

log = logging.getLogger(__name__)  # shown by --log-cli-level=INFO, and with every failure


@contextmanager
def explained(programs: Programs, *, replay: str = "") -> Iterator[None]:
    """Adds the programs' output to a failure, and the command that replays it."""
    try:
        yield
    except BaseException as failure:
        for name, lines in programs.outputs():
            for line in lines:
                if '"event":"quarantined"' not in line:  # of which there are hundreds
                    failure.add_note(f"{name}: {line}")
        if replay:
            failure.add_note(f"replay: {replay}")
        raise


async def run(
    programs: Programs, seed: int, turns: Iterable[Sequence[str]], *, rate: float, wait_seconds: float = 60
) -> dict[str, Any]:
    """The checker's figures, the number of `faults` and what the processes `held`. A problem is an AssertionError."""
    count, resources = 0, Resources()
    async with proxied_kafka(programs.directory / "kafka") as kafka, Cluster.opened(programs, kafka) as cluster:
        await cluster.start()
        cluster.send(f"faults-{seed}", rate=rate)
        await cluster.wait_until_recovered()
        for turn in turns:
            log.info("%s", " + ".join(turn))
            began = time.monotonic()
            await asyncio.gather(*(FAULTS[name].inject(cluster) for name in turn))
            ended = time.monotonic()
            await cluster.wait_until_recovered()
            count += len(turn)
            resources.sample(cluster)
            log.info("  took %.1f s, recovered in %.1f s", ended - began, time.monotonic() - ended)
        await cluster.stop_senders()
        figures = await cluster.verdict(wait_seconds=wait_seconds)
        await cluster.assert_nothing_waits()
        figures |= {"faults": count, "held": resources.held()}
        log.info("seed %s: %s", seed, figures)
        await cluster.command("rebuild", "--check")
    return figures
