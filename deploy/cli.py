"""The command line and composition root: each command loads its settings, wires the parts and runs them.

What fails is a verdict (schemas.errors): configuration is exit status 2 with every problem on its own line, a part that
is away is exit status 1 with one line. Imports are made in the command that needs them: `--version` loads none of them.
"""
# ruff: noqa: PLC0415

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from deploy.operator_cli import Json, operator
from schemas.errors import LedgerError, Misconfigured

app = typer.Typer(
    help="Telnyx messaging webhooks, kept as signed evidence and turned into SQL tables.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(operator)


def main() -> None:
    """Entry point of the console script."""
    with verdicts_as_exit_status():
        app()


@contextmanager
def verdicts_as_exit_status() -> Iterator[None]:
    """Exit 2 for Misconfigured, 1 for every other verdict, each problem on a line; a bug keeps its traceback."""
    try:
        yield
    except* LedgerError as group:
        errors = list(_leaves(group))
        for error in errors:
            for problem in error.problems if isinstance(error, Misconfigured) else [str(error)]:
                print(problem, file=sys.stderr)
        status = 2 if any(isinstance(error, Misconfigured) for error in errors) else 1
        raise SystemExit(status) from None


def _leaves(group: BaseExceptionGroup[LedgerError]) -> Iterator[LedgerError]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"telnyx-ledger {version('telnyx-ledger')}")
        raise typer.Exit


@app.callback()
def program(
    *, _version: Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True)] = False
) -> None:
    """Configuration is read from the environment: see README.md."""


@app.command()
def dev(
    *,
    simulate: Annotated[
        bool, typer.Option("--simulate", help="Add live synthetic traffic, signed by a key of its own.")
    ] = False,
) -> None:
    """Run everything in one process, Postgres included (embedded mode).

    With DATABASE_URL set, that database is used and migrated instead of an embedded one.
    """
    from deploy.embedded.dev import run_dev

    run_dev(simulate=simulate)


@app.command()
def ingest() -> None:
    """Receive webhooks and publish them to Kafka.

    While Kafka is away they wait in the spool, and every 2xx stays true.
    """
    from deploy.commands.ingest import run_ingest

    run_ingest()


@app.command()
def project(
    *,
    accept_gap: Annotated[
        list[str] | None,
        typer.Option(metavar="TOPIC:PARTITION", help="Let a stopped partition go on where its log begins, and exit."),
    ] = None,
) -> None:
    """Read the topics and keep the tables in Postgres."""
    from deploy.commands.project import run_project

    run_project(accept_gap or [])


@app.command()
def migrate() -> None:
    """Create the schema, or bring it up to date."""
    from deploy.commands.migrate import run_migrate

    run_migrate()


@app.command()
def topics(*, json: Json = False) -> None:
    """Create the Kafka topics, and check those that exist."""
    from deploy.commands.topics import run_topics

    run_topics(as_json=json)


@app.command()
def simulate(
    *,
    url: Annotated[str, typer.Option(help="Where to post.")] = "http://127.0.0.1:8080/webhooks/telnyx",
    rate: Annotated[float, typer.Option(min=0, help="Webhooks a second; 0: as fast as they are answered.")] = 10,
    count: Annotated[int, typer.Option(min=0, help="How many; 0: until stopped.")] = 100,
    seed: Annotated[
        int | None, typer.Option(help="The same seed sends the same bytes; unset: new events, now.")
    ] = None,
    chaos: Annotated[
        bool, typer.Option("--chaos", help="Add bad signatures, unreadable bodies and odd shapes.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="One JSON line per request: what was sent, the answer.")] = None,
    public_key: Annotated[
        bool, typer.Option("--public-key", help="Print the entry for TELNYX_PUBLIC_KEYS, and exit.")
    ] = False,
    json: Json = False,
) -> None:
    """Send signed, realistic traffic and judge the answers.

    Exit status 1 if an answer was not as expected.
    """
    from deploy.commands.simulate import Plan, run_simulate, show_public_key

    if public_key:
        show_public_key()
    else:
        run_simulate(Plan(url=url, rate=rate, count=count, seed=seed, chaos=chaos, out=out), as_json=json)


@app.command(hidden=True)
def kafka_mode() -> None:
    """The whole Kafka mode on this machine, with a local broker: what `make run-kafka` starts."""
    from deploy.local_kafka.stack import run_kafka_mode

    run_kafka_mode()
