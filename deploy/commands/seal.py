"""`seal`: seals the events that are under no seal yet, and prints the chain value to keep elsewhere."""

import asyncio
from datetime import UTC

from deploy.commands import AsJson, command_app, load_and_log
from deploy.operator_session import operator_session, query_database
from deploy.output import show_objects
from deploy.progress import progress_bar
from deploy.settings import FoundDatabaseSettings
from projections.integrity.sealing import Seal, newest_seal, seal_now
from schemas.errors import LedgerError
from schemas.settings import load

app = command_app("Seals over the events, which show whether one was removed.")


@app.command("now")
def seal_at_once(*, as_json: AsJson = False) -> None:
    """Seal every stored event that is under no seal yet. `project` and `dev` do this automatically."""
    settings = load_and_log(FoundDatabaseSettings)
    made = asyncio.run(_seal(settings))
    if as_json:
        show_objects(Seal, made, as_json=True)
        return
    for seal in made:
        print(f"sealed {_description(seal)}")
    if made:
        print("keep the last chain value outside this database, where its administrators cannot change it")
    else:
        print("nothing to seal: every stored event is under a seal")


@app.command("export")
def export_seal(*, as_json: AsJson = False) -> None:
    """Print the newest chain value, to keep or time-stamp elsewhere. `verify --chain` compares it later."""
    seal = query_database(load(FoundDatabaseSettings), newest_seal)
    if seal is None:
        raise LedgerError("there is no seal yet: run `telnyx-ledger seal now`")
    if as_json:
        show_objects(Seal, [seal], as_json=True)
    else:
        print(f"{seal.chain.hex()}  seal {seal.seq}, up to position {seal.last_position}, {_instant(seal)}")


async def _seal(settings: FoundDatabaseSettings) -> list[Seal]:
    """Make the seals. A failure leaves those made before it valid."""
    made = []
    with progress_bar() as bar:
        task = bar.add_task("events sealed", total=None)
        async with operator_session(settings) as connection:
            async for seal in seal_now(connection):
                made.append(seal)
                bar.advance(task, seal.events)
    return made


def _description(seal: Seal) -> str:
    return (
        f"{seal.events} events up to position {seal.last_position}: seal {seal.seq}, {_instant(seal)}, "
        f"chain {seal.chain.hex()}"
    )


def _instant(seal: Seal) -> str:
    return seal.sealed_at.astimezone(UTC).isoformat()
