"""`dead-letters`: what a projection could not apply, and a second try once the fault is mended."""

import asyncio
from dataclasses import astuple, fields

from deploy import logs
from deploy.operator_session import operating_on, which_database
from deploy.output import print_json, print_table
from deploy.settings import FoundDatabaseSettings
from projections.engine.projection_status import suspended_projections
from projections.recovery.dead_letters import DeadLetter, dead_letters, retry
from projections.registry import PROJECTIONS, projections_named
from schemas.errors import LedgerError
from schemas.settings import load


def list_dead_letters(*, as_json: bool) -> None:
    """Prints them; none is exit status 0 as well: a list is not a check."""
    _print(asyncio.run(_list(which_database(load(FoundDatabaseSettings)))), as_json=as_json)


def retry_dead_letters(projection: str | None, *, as_json: bool) -> None:
    """Prints what is left. Raises LedgerError if anything is; Misconfigured for a projection that there is not."""
    settings = load(FoundDatabaseSettings)
    logs.configure(settings.ledger_log_level)
    projections_named([projection] if projection else [])
    resolved, left, suspended = asyncio.run(_retry(which_database(settings), projection))
    if as_json or left:
        _print(left, as_json=as_json)
    else:
        print(f"applied {resolved}; no dead letter is left")
    for name in [] if as_json else suspended:
        print(f"{name} is not live, so that more than these are missing: run `telnyx-ledger rebuild {name}`")
    if left:
        raise LedgerError(f"applied {resolved}; {len(left)} could not be applied and stay dead letters")


async def _list(database_url: str) -> list[DeadLetter]:
    async with operating_on(database_url) as connection:
        return await dead_letters(connection)


async def _retry(database_url: str, projection: str | None) -> tuple[int, list[DeadLetter], list[str]]:
    async with operating_on(database_url) as connection:
        resolved = await retry(connection, projection, projections=PROJECTIONS)
        return resolved, await dead_letters(connection, projection), await suspended_projections(connection)


def _print(letters: list[DeadLetter], *, as_json: bool) -> None:
    columns = [field.name for field in fields(DeadLetter)]
    (print_json if as_json else print_table)(columns, [astuple(letter) for letter in letters])
