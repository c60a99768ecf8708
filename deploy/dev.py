"""`dev`, the embedded mode: one process in which the spool drains into the projector; nothing of it outlives it.

The parts and their promises are those of production: only Kafka is left out, and Postgres may be embedded.
"""

import asyncio
import os
import shlex
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Literal

import uvloop

from deploy import logs
from deploy.database_name import shown
from deploy.live_line import Above, show
from deploy.postgres import EmbeddedPostgres
from deploy.projector_target import ProjectorTarget
from deploy.settings import DataSettings
from deploy.simulator.connection import Target
from deploy.simulator.key import DevelopmentKey, development_key
from deploy.simulator.outcome import Totals
from deploy.simulator.run import Pace, Simulator
from deploy.simulator.traffic import traffic, wall_clock
from ingest.lifespan import serve
from ingest.listener import bind
from ingest.metrics import IngestMetrics
from ingest.settings import ReceiveSettings
from projections.projector import Projector
from schemas.migrate import migrate
from schemas.settings import load, secret

SIMULATED_RATE = 5.0
WHY = """select code, title, count(*) from message_deliveries, unnest(error_codes) code
       join error_codes using (code) group by 1, 2 order by 3 desc"""
QUERIES = (
    ("How did messages fare?", "select status, count(*) from message_deliveries group by 1 order by 2 desc"),
    ("Why did some fail?", " ".join(WHY.split())),
    (
        "Who opted out?",
        "select phone_number, changed_at, basis, keyword from opt_outs where opted_out order by 2 desc limit 9",
    ),
)


class DevSettings(ReceiveSettings, DataSettings):
    """What `ingest` and `project` are told, less Kafka; without DATABASE_URL the Postgres is embedded."""

    database_url: str = secret("")
    ledger_project_verify: Literal["all", "off"] = "all"


def run_dev(*, simulate: bool) -> None:
    """Until SIGTERM or SIGINT. Raises Misconfigured before anything was started."""
    settings = load(DevSettings)
    key = development_key(settings.ledger_data_dir) if simulate or not settings.read_keys() else None
    if key:
        settings = _with_key(settings, key)
    logs.configure(settings.ledger_log_level, Above(sys.stderr) if sys.stdout.isatty() else sys.stderr)
    with _database(settings) as database_url:
        named = settings.model_copy(update={"database_url": database_url})
        uvloop.run(_run(named, key if simulate else None, embedded=not settings.database_url))
    print("stopped")


def _with_key(settings: DevSettings, key: DevelopmentKey) -> DevSettings:
    """The settings with the development key beside the keys that were given; it may be one of them already."""
    given = settings.telnyx_public_keys
    if key.public_line in given:
        return settings
    return settings.model_copy(update={"telnyx_public_keys": ",".join(filter(None, (given, key.public_line)))})


@contextmanager
def _database(settings: DevSettings) -> Iterator[str]:
    """A migrated database: the one that was named, else an embedded one that stops when the block ends."""
    if settings.database_url:
        asyncio.run(migrate(settings.database_url, print))
        yield settings.database_url
        return
    # A port that is taken is known now, before seconds go into a database.
    bind(settings.ledger_host, settings.ledger_port, setting="LEDGER_PORT").close()
    postgres = EmbeddedPostgres(settings.ledger_data_dir)
    try:
        url = postgres.start()
        asyncio.run(migrate(url, print))
        yield url
    finally:
        postgres.stop()


async def _run(settings: DevSettings, key: DevelopmentKey | None, *, embedded: bool) -> None:
    metrics = IngestMetrics()
    owner = f"dev-{socket.gethostname()}-{os.getpid()}"
    verify = settings.ledger_project_verify == "all"
    projector = Projector(settings.database_url, keys=settings.key_ring(), verify=verify, owner=owner)
    background: list[asyncio.Task[None]] = []

    def started(port: int) -> None:
        url = f"http://{settings.ledger_host}:{port}/webhooks/telnyx"
        _introduce(settings, url, embedded=embedded)
        if key:
            background.append(asyncio.create_task(_simulate(url, key)))
        background.append(asyncio.create_task(show(lambda: _progress(metrics))))

    try:
        await serve(settings, target=ProjectorTarget(projector), metrics=metrics, started=started)
    finally:
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await projector.close()


async def _simulate(url: str, key: DevelopmentKey) -> None:
    simulator = Simulator(Target.parse(url), key, Pace(SIMULATED_RATE, connections=4))
    await simulator.run(traffic(time.time_ns(), wall_clock), Totals())


def _progress(metrics: IngestMetrics) -> str:
    """Received and stored are what the 2xx stand for; projected is what the tables show."""
    value = metrics.registry.get_sample_value
    received = sum(
        int(value("ledger_webhooks_total", {"outcome": outcome}) or 0)
        for outcome in ("accepted", "duplicate", "quarantined")
    )
    stored, projected = (int(value(f"ledger_spool_{name}_total") or 0) for name in ("written", "drained"))
    return f"received {received}  stored {stored}  projected {projected}"


def _introduce(settings: DevSettings, url: str, *, embedded: bool) -> None:
    program = shlex.quote(sys.argv[0])
    print(f"telnyx-ledger {version('telnyx-ledger')}, embedded mode; Ctrl-C stops it and everything that it started")
    print(f"Webhook URL:  {url}")
    # A database of the user's has a password of the user's: it stays out of terminals and logs.
    print(f"Database URL: {settings.database_url if embedded else shown(settings.database_url)}")
    print("Try in another terminal:")
    for question, query in QUERIES:
        print(f'  {program} sql "{query}"  # {question}')
    sys.stdout.flush()
