"""Every fault under load: each webhook that was answered 2xx is stored once, and every row is the oracle's.

The order of the faults and the bytes that are sent follow from a seed. A failure names the command that replays it.
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
from tests.faults.cluster.brokers import proxied_kafka
from tests.faults.cluster.cluster import Cluster
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
    # A busy machine delays some answers, so this bound is wide; `make faults` is strict. A defect shows in most.
    assert figures["late"] + figures["unexcused_503"] < figures["promised"] / 10, figures


async def test_two_ingests_and_three_projectors_store_once_what_both_were_sent(programs: Programs) -> None:
    """Both ingests get every webhook; one ingest and one projector are killed meanwhile."""
    with explained(programs):
        async with proxied_kafka(programs.directory / "kafka") as kafka, Cluster.opened(programs, kafka) as cluster:
            await cluster.start(ingests=2, projectors=3)
            cluster.send("twins", rate=RATE / 2)
            await eventually(lambda: owners(cluster), lambda count: count == 3)
            await asyncio.gather(
                cluster.restart_ingest(signal.SIGKILL, number=1), cluster.restart_projector(signal.SIGKILL, number=2)
            )
            await cluster.wait_until_recovered()
            await cluster.stop_senders()
            figures = await cluster.verdict()
            log.info("%s", figures)
            assert figures["promised"] > 200


async def owners(cluster: Cluster) -> int:
    """The number of owners of the largest topic."""
    query = "select count(distinct owner) from telnyx.projection_offsets where topic = $1"
    return int(await cluster.fetchval(query, cluster.mode.topics["messages"]))


def test_the_sender_and_the_checker_import_no_product_code() -> None:
    code = """if True:
        import sys, tests.faults.cluster.sender, tests.faults.checker
        print({"schemas", "ingest", "projections", "deploy"} & {name.split(".")[0] for name in sys.modules})"""
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert shown.stdout == "set()\n"
