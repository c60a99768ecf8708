"""What the database knows of the projections: which are live, and which were computed by other rules than ours.

A suspension by another process is seen here too.
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
    """The names of the projections that are suspended, or being rebuilt."""
    rows = await connection.fetch(queries("projection_status")["projection_states"])
    return sorted(row["name"] for row in rows if row["status"] != LIVE)


async def rebuilds_due(connection: asyncpg.Connection, projections: Sequence[Projection]) -> list[str]:
    """The names of those whose tables were not computed by this version of their rules, or not from all events."""
    names, versions = [item.name for item in projections], [item.version for item in projections]
    rows = await connection.fetch(queries("projection_status")["rebuilds_due"], names, versions)
    return [row["name"] for row in rows]


async def register(connection: asyncpg.Connection, projections: Sequence[Projection]) -> None:
    """Makes them known where they are not yet, and says in the log which rebuild is due."""
    names, versions = [item.name for item in projections], [item.version for item in projections]
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
    """Shows until cancelled which projections are live. While Postgres is away, what was seen last."""
    while True:
        try:
            await _keep_showing(database_url, metrics, projections, every_seconds)
        except (Unavailable, Misconfigured):  # the batches say so
            await asyncio.sleep(every_seconds)


async def _keep_showing(
    database_url: str, metrics: ProjectorMetrics, projections: Sequence[Projection], every_seconds: float
) -> None:
    connection = await connect(database_url)
    try:
        while True:
            with outages():
                suspended = await suspended_projections(connection)
            for item in projections:
                metrics.live.labels(item.name).set(item.name not in suspended)
            await asyncio.sleep(every_seconds)
    finally:
        connection.terminate()
