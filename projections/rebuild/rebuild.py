"""Recomputes tables from `events`, compares them with the live tables and repairs the drift, while traffic goes on."""

from collections.abc import Sequence

from projections.engine.projection import Projection
from projections.rebuild.result import RebuildResult
from projections.rebuild.run import Progress, no_progress, rebuild_run


async def check(
    database_url: str, projections: Sequence[Projection], progress: Progress = no_progress
) -> list[RebuildResult]:
    """Compares the tables with the events in one snapshot. Changes nothing and holds no lock that others wait for."""
    async with rebuild_run(database_url, projections, progress) as run:
        await run.compare()
        return list(run.results.values())


async def rebuild(
    database_url: str, projections: Sequence[Projection], progress: Progress = no_progress
) -> list[RebuildResult]:
    """Repairs the drift. A suspended projection is live again, and its stored version is that of this program.

    Raises Unavailable, which means that nothing was changed, and LedgerError if another process rebuilds one of them.
    """
    async with rebuild_run(database_url, projections, progress) as run:
        await run.lock()
        await run.compare()
        await run.repair()
        return list(run.results.values())
