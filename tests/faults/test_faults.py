"""A 2xx is a promise: under load each fault, then every promise is held against the tables.

The order of the faults and every byte that is sent follow from a seed; a failure names the command that replays it.
"""

import asyncio
import logging
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.catalogue import FAULTS, once
from tests.faults.cluster.brokers import two_way_kafka
from tests.faults.cluster.cluster import Site
from tests.faults.run import explained, run
from tests.support.environment.programs import Programs
from tests.support.environment.waiting import eventually

RATE = 200
SEED = 1
# About 25 faults, each with its recovery, on a machine that may be slow.
pytestmark = [pytest.mark.usefixtures("kafka_programs"), pytest.mark.timeout(1200)]
log = logging.getLogger(__name__)  # shown by --log-cli-level=INFO, and with every failure
ROOT = Path(__file__).parents[2]


async def test_every_acknowledged_webhook_survives_every_fault(programs: Programs) -> None:
    turns = once(random.Random(SEED))
    command = f"python -m tests.faults --seeds {SEED} --rate {RATE} --turns {len(turns)} --short"
    with explained(programs, replay=command):
        figures = await run(programs, SEED, turns, rate=RATE)
    assert figures["faults"] == sum(not fault.long for fault in FAULTS.values()) >= 20
    assert figures["promised"] > 100 * len(turns)
    # A machine that other programs keep busy delays us too, and `make faults` is strict; a fault of ours shows in most.
    assert figures["late"] + figures["unexcused_503"] < figures["promised"] / 10, figures


async def test_two_ingests_and_three_projectors_store_once_what_both_were_sent(programs: Programs) -> None:
    """Both ingests get every webhook; one of each kind is killed under way."""
    with explained(programs):
        async with two_way_kafka(programs.directory / "kafka") as kafka, Site.opened(programs, kafka) as site:
            await site.start(ingests=2, projectors=3)
            site.send("twins", rate=RATE / 2)
            await eventually(lambda: owners(site), lambda count: count == 3)
            await asyncio.gather(
                site.restart_ingest(signal.SIGKILL, number=1), site.restart_projector(signal.SIGKILL, number=2)
            )
            await site.recovered()
            await site.silence()
            figures = await site.verdict()
            log.info("%s", figures)
            assert figures["promised"] > 200


async def owners(site: Site) -> int:
    """How many projectors have moved a partition of the largest topic."""
    query = "select count(distinct owner) from telnyx.projection_offsets where topic = $1"
    return int(await site.fetchval(query, site.mode.topics["messages"]))


def test_those_who_send_and_judge_share_no_code_with_the_product() -> None:
    code = """if True:
        import sys, tests.faults.cluster.sender, tests.faults.checker
        print({"schemas", "ingest", "projections", "deploy"} & {name.split(".")[0] for name in sys.modules})"""
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert shown.stdout == "set()\n"
