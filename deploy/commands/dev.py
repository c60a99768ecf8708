"""`dev`: one process in which the spool drains into the projector. Nothing that it starts outlives it.

The parts and their guarantees are those of production, without Kafka, and Postgres may be embedded.
"""

import asyncio
import os
import shlex
import signal
import socket
import sys
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Annotated, Any

import typer
import uvloop
from rich.console import Console

from deploy import logs
from deploy.commands import command_app
from deploy.embedded.postgres import EmbeddedPostgres
from deploy.embedded.projector_sink import ProjectorSink
from deploy.progress import StatusConsole, show_status, stderr_above
from deploy.settings import DevSettings, redacted
from deploy.simulator.connection import Endpoint
from deploy.simulator.expectation import Totals
from deploy.simulator.key import DevelopmentKey, development_key
from deploy.simulator.run import Pace, Simulator
from deploy.simulator.traffic import traffic, wall_clock
from ingest.durable.spool import Spool
from ingest.durable.spool_only import SpoolOnly
from ingest.http.listener import bind
from ingest.metrics import IngestMetrics
from ingest.server import serving, until_stopped
from projections.engine.projector import Projector
from projections.integrity.sealing import keep_sealing
from projections.registry import PROJECTIONS
from schemas.background import background
from schemas.kafka.topics import Topics
from schemas.settings import load, log_unused_names
from schemas.sql.migrate import migrate

SIMULATED_RATE = 5.0
WHY = """select code, title, count(*) from telnyx.message_deliveries, unnest(error_codes) code
       join telnyx.error_codes using (code) group by 1, 2 order by 3 desc"""
QUERIES = (
    ("How did messages fare?", "select status, count(*) from telnyx.message_deliveries group by 1 order by 2 desc"),
    ("Why did some fail?", " ".join(WHY.split())),
    (
        "Who opted out?",
        "select phone_number, changed_at, basis, keyword from telnyx.opt_outs where opted_out order by 2 desc limit 9",
    ),
)


app = command_app()


@app.command()
def dev(
    *,
    simulate: Annotated[
        bool, typer.Option("--simulate", help="Add live synthetic traffic, signed with a generated key.")
    ] = False,
) -> None:
    """Run everything in one process, Postgres included.

    If DATABASE_URL is set, that database is used and migrated instead of an embedded one.
    """
    settings = load(DevSettings)
    has_keys = settings.telnyx_public_keys or settings.telnyx_public_keys_file
    key = development_key(settings.ledger_data_dir) if simulate or not has_keys else None
    if key:
        settings = settings.model_copy(update={"telnyx_public_keys": key.added_to(settings.telnyx_public_keys)})
    console, metrics = StatusConsole(), IngestMetrics()
    logs.configure(settings.ledger_log_level, stderr_above(console), on_failure=metrics.log_failures.inc)
    log_unused_names(settings)
    with _database(settings) as (database_url, is_embedded):
        settings = settings.model_copy(update={"database_url": database_url})
        uvloop.run(_run(settings, metrics, console, key=key if simulate else None, is_embedded=is_embedded))
    print("stopped")


@contextmanager
def _database(settings: DevSettings) -> Iterator[tuple[str, bool]]:
    """Yield (URL, whether it is embedded) of a migrated database. An embedded one stops when the block ends."""
    if settings.database_url:
        asyncio.run(migrate(settings.database_url, print))
        yield settings.database_url, False
        return
    # Report a port in use now, before seconds go into a database.
    bind(settings.ledger_host, settings.ledger_port, setting="LEDGER_PORT").close()
    postgres = EmbeddedPostgres(settings.ledger_data_dir)
    try:
        url = postgres.start()
        asyncio.run(migrate(url, print))
        yield url, True
    finally:
        postgres.stop()


async def _run(
    settings: DevSettings, metrics: IngestMetrics, console: Console, *, key: DevelopmentKey | None, is_embedded: bool
) -> None:
    owner = f"dev-{socket.gethostname()}-{os.getpid()}"
    verify = settings.ledger_project_verify == "all"
    projector = Projector(
        settings.database_url, keys=settings.key_ring(), verify=verify, owner=owner, projections=PROJECTIONS
    )
    sink = ProjectorSink(projector)
    spool = Spool(settings.ledger_spool_dir, settings.ledger_spool_max_bytes, metrics)
    durable = SpoolOnly(spool, sink, metrics)
    # No load balancer watches this process, so `until_stopped` is not followed by a pause to announce the stop.
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        async with serving(settings, durable=durable, topics=Topics(), metrics=metrics) as receiver:
            url = _webhook_url(settings, receiver.port)
            _introduce(settings, url, is_embedded=is_embedded)
            sink.keys = lambda: receiver.admission.keys
            work: list[Coroutine[Any, Any, None]] = [
                show_status(lambda: _counts(metrics), console),
                keep_sealing(settings.database_url),
            ]
            if key:
                work.append(_simulate(url, key))
            async with background(stop, *work):
                await until_stopped(receiver, settings, stop)
    finally:
        await projector.close()


async def _simulate(url: str, key: DevelopmentKey) -> None:
    simulator = Simulator(Endpoint.parse(url), key, Pace(SIMULATED_RATE, connections=4))
    await simulator.run(traffic(time.time_ns(), wall_clock), Totals())


def _counts(metrics: IngestMetrics) -> str:
    """Return the status line. `received` counts deliveries answered 2xx; `stored` and `projected` count events."""
    value = metrics.registry.get_sample_value
    received, again, parked = (
        int(value("ledger_webhooks_total", {"outcome": outcome}) or 0)
        for outcome in ("accepted", "duplicate", "quarantined")
    )
    stored, projected = (int(value(f"ledger_spool_{name}_total") or 0) for name in ("written", "drained"))
    return f"received {received + again + parked} ({again} duplicates)  stored {stored}  projected {projected}"


def _webhook_url(settings: DevSettings, port: int) -> str:
    host = f"[{settings.ledger_host}]" if ":" in settings.ledger_host else settings.ledger_host
    return f"http://{host}:{port}/webhooks/telnyx"


def _introduce(settings: DevSettings, url: str, *, is_embedded: bool) -> None:
    data_dir = settings.ledger_data_dir
    has_own_data_dir = data_dir != DevSettings.model_fields["ledger_data_dir"].default.absolute()
    prefix = f"LEDGER_DATA_DIR={shlex.quote(str(data_dir))} " if is_embedded and has_own_data_dir else ""
    program = prefix + shlex.quote(sys.argv[0])
    print(f"telnyx-ledger {version('telnyx-ledger')}, embedded mode; Ctrl-C stops everything")
    print(f"Webhook URL:  {url}")
    # The password of an embedded database is ours to print. A configured one stays out of terminals and logs.
    print(f"Database URL: {settings.database_url if is_embedded else redacted(settings.database_url)}")
    print("Try in another terminal:" if is_embedded else "Try in another terminal, with this DATABASE_URL set:")
    for question, query in QUERIES:
        print(f'  {program} sql "{query}"  # {question}')
    sys.stdout.flush()
