"""`dead-letters`: lists the events that a projection could not apply, and applies them again after a repair."""

from typing import Annotated

import asyncpg
import typer

from deploy.commands import AsJson, command_app, load_and_log
from deploy.operator_session import query_database
from deploy.output import show_objects
from deploy.settings import FoundDatabaseSettings
from projections.engine.projection_status import suspended_projections
from projections.recovery.dead_letters import DeadLetter, dead_letters, retry
from projections.registry import PROJECTIONS, projections_named
from schemas.errors import LedgerError
from schemas.settings import load

app = command_app("Events that a projection could not apply.")


@app.command("list")
def list_dead_letters(*, as_json: AsJson = False) -> None:
    """List the events that a projection could not apply."""
    show_objects(DeadLetter, query_database(load(FoundDatabaseSettings), dead_letters), as_json=as_json)


@app.command("retry")
def retry_dead_letters(
    projection: Annotated[str | None, typer.Argument(help="Only those of this projection.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Apply them again. Exit status 1 if any remains."""
    settings = load_and_log(FoundDatabaseSettings)
    projections_named([projection] if projection else [])

    async def retried(connection: asyncpg.Connection) -> tuple[int, list[DeadLetter], list[str]]:
        applied = await retry(connection, projection, projections=PROJECTIONS)
        return applied, await dead_letters(connection, projection), await suspended_projections(connection)

    applied, remaining, suspended = query_database(settings, retried)
    if as_json or remaining:
        show_objects(DeadLetter, remaining, as_json=as_json)
    else:
        print(f"applied {applied}; no dead letters remain")
    for name in [] if as_json else suspended:
        print(f"{name} is suspended and misses more events than these: run `telnyx-ledger rebuild {name}`")
    if remaining:
        raise LedgerError(f"applied {applied}; {len(remaining)} could not be applied and remain dead letters")
