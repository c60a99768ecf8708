"""A 2xx is a promise: under load each fault in turn, then every promise is held against the tables.

The order of the faults and every byte that is sent follow from a seed; a failure names the command that replays it.
"""

import logging
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.kafka.local import LocalKafka
from tests.faults.faults import FAULTS
from tests.faults.site import Site
from tests.programs import Programs

RATE = 200
log = logging.getLogger(__name__)  # shown by --log-cli-level=INFO, and with every failure
ROOT = Path(__file__).parents[2]


@contextmanager
def replayable(seed: int, plan: list[str]) -> Iterator[None]:
    """A failure says by which command it comes again."""
    try:
        yield
    except BaseException as failure:
        command = f"FAULT_SEED={seed} FAULTS={','.join(plan)!r} python -m pytest tests/faults/test_faults.py"
        failure.add_note(f"replay: {command}")
        raise


def chosen() -> tuple[int, list[str]]:
    """The seed and the plan: those of the environment, else seed 1 and every fault in that seed's order."""
    seed = int(os.environ.get("FAULT_SEED", "1"))
    if given := os.environ.get("FAULTS"):
        return seed, given.split(",")
    return seed, random.Random(seed).sample(list(FAULTS), len(FAULTS))


async def test_every_acknowledged_webhook_survives_every_fault(programs: Programs, own_broker: LocalKafka) -> None:
    seed, plan = chosen()
    with replayable(seed, plan):
        async with Site.opened(programs, own_broker) as site:
            await site.start()
            site.send(f"faults-{seed}", rate=RATE)
            await site.recovered()
            for name in plan:
                log.info("fault: %s", name)
                await FAULTS[name](site)
                await site.recovered()
            await site.silence()
            figures = site.verdict()
            log.info("seed %s: %s", seed, figures)
            assert figures["promised"] > 500 * len(plan)


async def test_two_ingests_and_three_projectors_store_once_what_both_were_sent(
    programs: Programs, own_broker: LocalKafka
) -> None:
    async with Site.opened(programs, own_broker) as site:
        await site.start(ingests=2, projectors=3)
        site.send("twins", rate=RATE / 2)
        await site.recovered()
        await site.silence()
        log.info("%s", site.verdict())


def test_those_who_send_and_judge_share_no_code_with_the_product() -> None:
    code = """if True:
        import sys, tests.faults.sender, tests.faults.checker
        print({"schemas", "ingest", "projections", "deploy"} & {name.split(".")[0] for name in sys.modules})"""
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert shown.stdout == "set()\n"
