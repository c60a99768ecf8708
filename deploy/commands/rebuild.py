"""`rebuild`: a projection that was suspended, live again and with nothing missing."""

import asyncio
import signal
from collections.abc import Sequence

from deploy import logs
from deploy.progress import progress_bar
from deploy.settings import FoundDatabaseSettings
from deploy.which_database import enough_rights, which_database
from projections.projection import Projection
from projections.rebuild import Rebuilt, projections_named, rebuild
from schemas.errors import LedgerError, Unavailable
from schemas.settings import load


def run_rebuild(names: Sequence[str]) -> None:
    """One projection after the other. Raises LedgerError for what is not live at the end, or has dead letters."""
    settings = load(FoundDatabaseSettings)
    logs.configure(settings.ledger_log_level)
    projections = projections_named(names)
    database_url = which_database(settings)
    problems = []
    for projection in projections:
        rebuilt = asyncio.run(_rebuild(database_url, projection))
        print(f"{rebuilt.name}: " + (f"live, with {rebuilt.events} events" if rebuilt.live else "suspended again"))
        if rebuilt.dead:
            problems.append(f"{rebuilt.name}: {rebuilt.dead} events could not be applied: see `dead-letters list`")
    if problems:
        raise LedgerError("\n".join(problems))


async def _rebuild(database_url: str, projection: Projection) -> Rebuilt:
    with progress_bar() as bar:
        task = bar.add_task(projection.name, total=None)
        work = asyncio.ensure_future(
            rebuild(database_url, projection, lambda done, total: bar.update(task, completed=done, total=total))
        )
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, work.cancel)
        await asyncio.wait([work])
    again = f"{projection.name} is not live; run `telnyx-ledger rebuild {projection.name}` again"
    if work.cancelled():
        raise LedgerError(f"interrupted: {again}")
    try:
        with enough_rights():
            return work.result()
    except Unavailable as away:
        raise Unavailable(f"{away}: {again}") from None
