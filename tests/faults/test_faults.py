"""A 2xx is a promise: under load each fault in turn, then every promise is held against the tables.

The order of the faults and every byte that is sent follow from a seed; a failure names the command that replays it.
"""

import asyncio
import logging
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from deploy.kafka.local import LocalKafka
from projections.rebuild import check
from projections.registry import PROJECTIONS
from tests.faults.faults import FAULTS
from tests.faults.site import Site
from tests.programs import Programs
from tests.waiting import eventually

RATE = 200
# 503 says that neither Kafka nor the spool took it in time: a disk that other programs keep busy can do that, rarely.
STATUSES = [200, 503]
log = logging.getLogger(__name__)  # shown by --log-cli-level=INFO, and with every failure
ROOT = Path(__file__).parents[2]


@contextmanager
def explained(programs: Programs, *, replay: str = "") -> Iterator[None]:
    """A failure says what the programs said about it, and by which command it comes again."""
    try:
        yield
    except BaseException as failure:
        for name, line in said(programs):
            failure.add_note(f"{name}: {line}")
        if replay:
            failure.add_note(f"replay: {replay}")
        raise


def said(programs: Programs) -> Iterator[tuple[str, str]]:
    """By program in the order of their start: all that it said, but not each webhook that is quarantined."""
    for file in sorted(programs.directory.glob("[0-9]*-[a-z]*.log"), key=lambda file: int(file.name.split("-")[0])):
        for line in file.read_text(errors="replace").splitlines():
            if '"event":"quarantined"' not in line:
                yield file.stem, line


def chosen() -> tuple[int, list[str]]:
    """The seed and the plan: those of the environment, else seed 1 and every fault in that seed's order."""
    seed = int(os.environ.get("FAULT_SEED", "1"))
    if given := os.environ.get("FAULTS"):
        return seed, given.split(",")
    return seed, random.Random(seed).sample(list(FAULTS), len(FAULTS))


async def test_every_acknowledged_webhook_survives_every_fault(programs: Programs, own_broker: LocalKafka) -> None:
    seed, plan = chosen()
    command = f"FAULT_SEED={seed} FAULTS={','.join(plan)!r} python -m pytest tests/faults/test_faults.py"
    with explained(programs, replay=command):
        async with Site.opened(programs, own_broker) as site:
            await site.start()
            site.send(f"faults-{seed}", rate=RATE)
            await site.recovered()
            for name in plan:
                log.info("fault: %s", name)
                await FAULTS[name](site)
                await site.recovered()
            await site.silence()
            figures = site.verdict(statuses=STATUSES)
            log.info("seed %s: %s", seed, figures)
            assert figures["promised"] > 100 * len(plan)
            assert figures["answers"].get("503 unavailable", 0) < figures["sent"] / 100
            outcomes = await check(site.postgres.url, PROJECTIONS, lambda *_: None)
            assert [difference for outcome in outcomes for difference in outcome.differences] == []


async def test_two_ingests_and_three_projectors_store_once_what_both_were_sent(
    programs: Programs, own_broker: LocalKafka
) -> None:
    """Both ingests get every webhook; one of each kind is killed under way."""
    with explained(programs):
        async with Site.opened(programs, own_broker) as site:
            await site.start(ingests=2, projectors=3)
            site.send("twins", rate=RATE / 2)
            await eventually(lambda: owners(site), lambda count: count == 3)
            await asyncio.gather(
                site.restart_ingest(signal.SIGKILL, number=1), site.restart_projector(signal.SIGKILL, number=2)
            )
            await site.recovered()
            await site.silence()
            figures = site.verdict(statuses=STATUSES)
            log.info("%s", figures)
            assert figures["promised"] > 200


async def owners(site: Site) -> int:
    """How many projectors have moved a partition of the largest topic."""
    connection = await asyncpg.connect(site.postgres.url)
    try:
        query = "select count(distinct owner) from telnyx.projection_offsets where topic = $1"
        found: int = await connection.fetchval(query, site.mode.topics["messages"])
    finally:
        await connection.close()
    return found


def test_those_who_send_and_judge_share_no_code_with_the_product() -> None:
    code = """if True:
        import sys, tests.faults.sender, tests.faults.checker
        print({"schemas", "ingest", "projections", "deploy"} & {name.split(".")[0] for name in sys.modules})"""
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert shown.stdout == "set()\n"
