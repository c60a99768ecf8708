"""One run: a site under load, turn after turn of faults, at the end the checker's verdict and a look at rebuilds."""

import asyncio
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tests.faults.catalogue import FAULTS
from tests.faults.cluster.brokers import two_way_kafka
from tests.faults.cluster.cluster import Site
from tests.faults.resources import Resources
from tests.support.environment.programs import Programs

log = logging.getLogger(__name__)  # shown by --log-cli-level=INFO, and with every failure


@contextmanager
def explained(programs: Programs, *, replay: str = "") -> Iterator[None]:
    """A failure says what the programs said about it, and by which command it comes again."""
    try:
        yield
    except BaseException as failure:
        for name, lines in programs.said():
            for line in lines:
                if '"event":"quarantined"' not in line:  # of which there are hundreds
                    failure.add_note(f"{name}: {line}")
        if replay:
            failure.add_note(f"replay: {replay}")
        raise


async def run(
    programs: Programs, seed: int, turns: Iterable[Sequence[str]], *, rate: float, wait_seconds: float = 60
) -> dict[str, Any]:
    """The checker's figures, the number of `faults`, and what the processes held. Any problem is an AssertionError."""
    count, resources = 0, Resources()
    async with two_way_kafka(programs.directory / "kafka") as kafka, Site.opened(programs, kafka) as site:
        await site.start()
        site.send(f"faults-{seed}", rate=rate)
        await site.recovered()
        for turn in turns:
            log.info("%s", " + ".join(turn))
            began = time.monotonic()
            await asyncio.gather(*(FAULTS[name].inject(site) for name in turn))
            ended = time.monotonic()
            await site.recovered()
            count += len(turn)
            resources.look(site)
            log.info("  took %.1f s, recovered in %.1f s", ended - began, time.monotonic() - ended)
        await site.silence()
        figures = await site.verdict(wait_seconds=wait_seconds)
        await site.nothing_waits()
        figures |= {"faults": count, "held": resources.held()}
        log.info("seed %s: %s", seed, figures)
        await site.command("rebuild", "--check")
    return figures
