"""The status of the projections in the database: which are live, and which need a rebuild because their rules changed.

A suspension by another process shows here too.
"""

import asyncio
from collections.abc import Sequence

import asyncpg
import structlog

from projections.engine.database import connect, outages
from projections.engine.projection import Projection
from projections.metrics import ProjectorMetrics
from projections.sql import queries
from schemas.errors import Misconfigured, Unavailable

LIVE = "live"
EVERY_SECONDS = 5.0

log = structlog.get_logger()


async def suspended_projections(connection: asyncpg.Connection) -> list[str]:
    """The names of the projections that are suspended or being rebuilt."""
    rows = await connection.fetch(queries("projection_status")["projection_states"])
    return sorted(row["name"] for row in rows if row["status"] != LIVE)


async def rebuilds_due(connection: asyncpg.Connection, projections: Sequence[Projection]) -> list[str]:
    """The names of projections whose tables come from another version of their rules, or not from all events."""
    names = [projection.name for projection in projections]
    versions = [projection.version for projection in projections]
    rows = await connection.fetch(queries("projection_status")["rebuilds_due"], names, versions)
    return [row["name"] for row in rows]


async def register(connection: asyncpg.Connection, projections: Sequence[Projection]) -> None:
    """Store the projections that the database does not know yet, and log which rebuild is due."""
    names = [projection.name for projection in projections]
    versions = [projection.version for projection in projections]
    await connection.execute(queries("projection_status")["register_projections"], names, versions)
    due = await rebuilds_due(connection, projections)
    if due:
        what_now = f"once no older `project` runs: `telnyx-ledger rebuild {' '.join(due)}`"
        log.warning("rebuild_due", projections=due, what_now=what_now)


async def watch(
    database_url: str,
    metrics: ProjectorMetrics,
    *,
    projections: Sequence[Projection],
    every_seconds: float = EVERY_SECONDS,
) -> None:
    """Show in the metrics which projections are live, until cancelled. During an outage the last values stay."""
    while True:
        try:
            await _keep_showing(database_url, metrics, projections, every_seconds)
        except (Unavailable, Misconfigured):  # the batches log it
            await asyncio.sleep(every_seconds)


async def _keep_showing(
    database_url: str, metrics: ProjectorMetrics, projections: Sequence[Projection], every_seconds: float
) -> None:
    connection = await connect(database_url)
    try:
        while True:
            with outages():
                suspended = await suspended_projections(connection)
            for projection in projections:
                metrics.live.labels(projection.name).set(projection.name not in suspended)
            await asyncio.sleep(every_seconds)
    finally:
        connection.terminate()
