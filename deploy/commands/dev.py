"""`dev`: the embedded mode, in which one process does everything."""

from typing import Annotated

import typer

from deploy.commands import command_app
from deploy.embedded.dev import run_dev

app = command_app()


@app.command()
def dev(
    *,
    simulate: Annotated[
        bool, typer.Option("--simulate", help="Add live synthetic traffic, signed with a generated key.")
    ] = False,
) -> None:
    """Run everything in one process, Postgres included.

    If DATABASE_URL is set, that database is used and migrated instead of an embedded one.
    """
    run_dev(simulate=simulate)
