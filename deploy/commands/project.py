"""`project`: reads the topics and keeps the tables; with `--accept-gap` it lets a stopped partition continue."""

import asyncio
import signal
from typing import Annotated

import typer

from deploy import logs
from deploy.commands import command_app
from deploy.health import health
from deploy.settings import ProjectCommandSettings
from projections.engine.projection_status import watch
from projections.engine.projector import Projector
from projections.integrity.sealing import keep_sealing
from projections.kafka.accept_gap import accept_gap as accept_gap_of
from projections.kafka.consumer import owner_name, run
from projections.metrics import ProjectorMetrics
from projections.registry import PROJECTIONS
from projections.settings import ProjectSettings
from schemas import gc_tuning
from schemas.background import background
from schemas.reading.key_ends import keep_saying_key_ends
from schemas.reading.signing import KeyRing
from schemas.settings import load, log_unused_names, reload_keys
from schemas.sql.migrate import require_current_at

app = command_app()


@app.command()
def project(
    *,
    accept_gap: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TOPIC:PARTITION", help="Let a stopped partition continue at the beginning of its log, and exit."
        ),
    ] = None,
) -> None:
    """Read the topics and keep the tables in Postgres."""
    settings, metrics = load(ProjectCommandSettings), ProjectorMetrics()
    logs.configure(settings.ledger_log_level, on_failure=metrics.log_failures.inc)
    log_unused_names(settings)
    if accept_gap:
        asyncio.run(_accept(settings, accept_gap))
    else:
        # Not on uvloop: its transport raises RuntimeError on a write to a connection that has just closed, where
        # asyncio's drops the data. The error ends aiokafka's own tasks: a broker that came back was never noticed.
        asyncio.run(_run(settings, metrics))


async def _accept(settings: ProjectSettings, names: list[str]) -> None:
    for name in names:
        gap = await accept_gap_of(settings.database_url, settings, name)
        lost = f"; {gap.skipped_records} records are gone from the log" if gap.skipped_records else ""
        print(f"{gap.partition}: offset {gap.from_offset} -> {gap.to_offset}{lost}")
    print("a running `project` resumes from there automatically")


async def _run(settings: ProjectCommandSettings, metrics: ProjectorMetrics) -> None:
    await require_current_at(settings.database_url)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    owner = owner_name()
    verify = settings.ledger_project_verify == "all"
    ring = settings.key_ring()
    projector = Projector(settings.database_url, keys=ring, verify=verify, owner=owner, projections=PROJECTIONS)

    def replace_keys(keys: KeyRing) -> None:
        nonlocal ring
        ring = keys
        projector.replace_keys(keys)

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload_keys, settings, replace_keys)

    def is_ready() -> bool:
        return not stop.is_set()

    host, port = settings.ledger_host, settings.ledger_projector_port
    watching = watch(settings.database_url, metrics, projections=PROJECTIONS)
    try:
        async with (
            background(stop, watching, keep_sealing(settings.database_url), keep_saying_key_ends(lambda: ring)),
            health(metrics.registry, is_ready, host=host, port=port),
        ):
            gc_tuning.freeze_startup_objects()
            await run(settings, projector, owner=owner, metrics=metrics, stop=stop)
    finally:
        await projector.close()
