"""`project`: Kafka in, tables out; or, with `--accept-gap`, the one decision that it leaves to a person."""

import asyncio
import signal

from deploy import logs
from deploy.health import health
from deploy.schema_check import refuse_old_schema
from deploy.settings import ProjectCommandSettings
from projections.engine.projection_status import watch
from projections.engine.projector import Projector
from projections.integrity.sealing import keep_sealing
from projections.kafka.accept_gap import accept_gap
from projections.kafka.consumer import owner_name, run
from projections.metrics import ProjectorMetrics
from projections.registry import PROJECTIONS
from projections.settings import ProjectSettings
from schemas import gc_tuning
from schemas.background import background
from schemas.settings import load, reload_keys


def run_project(accepted_gaps: list[str]) -> None:
    """Until SIGTERM or SIGINT. Raises Misconfigured at the start only."""
    settings = load(ProjectCommandSettings)
    logs.configure(settings.ledger_log_level)
    if accepted_gaps:
        asyncio.run(_accept(settings, accepted_gaps))
    else:
        # Not on uvloop: its transport raises RuntimeError where asyncio's drops what is written to a connection that
        # has just closed, and that ends aiokafka's own tasks: a broker that came back was never noticed.
        asyncio.run(_run(settings))


async def _accept(settings: ProjectSettings, names: list[str]) -> None:
    for name in names:
        gap = await accept_gap(settings.database_url, settings, name)
        lost = f"; {gap.skipped_records} records are gone from the log" if gap.skipped_records else ""
        print(f"{gap.partition}: position {gap.from_offset} -> {gap.to_offset}{lost}")
    print("a running `project` goes on from there by itself")


async def _run(settings: ProjectCommandSettings) -> None:
    await refuse_old_schema(settings.database_url)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    owner, metrics = owner_name(), ProjectorMetrics()
    verify = settings.ledger_project_verify == "all"
    projector = Projector(
        settings.database_url, keys=settings.key_ring(), verify=verify, owner=owner, projections=PROJECTIONS
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload_keys, settings, projector.replace_keys)

    def is_ready() -> bool:
        return not stop.is_set()

    host, port = settings.ledger_host, settings.ledger_projector_port
    watching = watch(settings.database_url, metrics, projections=PROJECTIONS)
    try:
        async with (
            background(stop, watching, keep_sealing(settings.database_url)),
            health(metrics.registry, is_ready, host=host, port=port),
        ):
            gc_tuning.freeze_startup_objects()
            await run(settings, projector, owner=owner, metrics=metrics, stop=stop)
    finally:
        await projector.close()
