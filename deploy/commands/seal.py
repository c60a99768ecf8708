"""`seal`: seals at once what is not sealed yet, and prints the chain value that is worth keeping elsewhere."""

import asyncio
from dataclasses import astuple, fields
from datetime import UTC

from deploy import logs
from deploy.operator_session import operating_on, which_database
from deploy.output import print_json
from deploy.progress import progress_bar
from deploy.settings import FoundDatabaseSettings
from projections.integrity.sealing import Seal, newest_seal, seal_now
from schemas.errors import LedgerError
from schemas.settings import load


def seal_at_once(*, as_json: bool) -> None:
    """Prints the seals that were made; none is not a failure. Raises Unavailable: what was made by then holds."""
    settings = load(FoundDatabaseSettings)
    logs.configure(settings.ledger_log_level)
    made = asyncio.run(_seal(which_database(settings)))
    if as_json:
        _print_json(made)
        return
    for seal in made:
        print(f"sealed {_words(seal)}")
    if made:
        print("keep the last chain value where nobody who can change this database can change it too")
    else:
        print("nothing to seal: every stored event is under a seal")


def export_seal(*, as_json: bool) -> None:
    """Prints the newest seal's chain value, position and time, on one line. Raises LedgerError where there is none."""
    seal = asyncio.run(_newest(which_database(load(FoundDatabaseSettings))))
    if seal is None:
        raise LedgerError("there is no seal yet: run `telnyx-ledger seal now`")
    if as_json:
        _print_json([seal])
    else:
        print(f"{seal.chain.hex()}  seal {seal.seq}, up to position {seal.last_position}, {_instant(seal)}")


async def _seal(database_url: str) -> list[Seal]:
    made = []
    with progress_bar() as bar:
        task = bar.add_task("events sealed", total=None)
        async with operating_on(database_url) as connection:
            async for seal in seal_now(connection):
                made.append(seal)
                bar.advance(task, seal.events)
    return made


async def _newest(database_url: str) -> Seal | None:
    async with operating_on(database_url) as connection:
        return await newest_seal(connection)


def _words(seal: Seal) -> str:
    return (
        f"{seal.events} events up to position {seal.last_position}: seal {seal.seq}, {_instant(seal)}, "
        f"chain {seal.chain.hex()}"
    )


def _instant(seal: Seal) -> str:
    return seal.sealed_at.astimezone(UTC).isoformat()


def _print_json(seals: list[Seal]) -> None:
    print_json([field.name for field in fields(Seal)], [astuple(seal) for seal in seals])
