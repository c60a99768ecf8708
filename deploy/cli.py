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

from schemas.errors import LedgerError, Misconfigured

app = typer.Typer(
    help="Telnyx messaging webhooks, kept as signed evidence and turned into SQL tables.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
dead_letters = typer.Typer(help="Events that a projection could not apply.", no_args_is_help=True)
quarantine = typer.Typer(help="Webhooks that did not become events.", no_args_is_help=True)
seal = typer.Typer(help="Seals over the events, which show if one was taken out.", no_args_is_help=True)
app.add_typer(dead_letters, name="dead-letters")
app.add_typer(quarantine, name="quarantine")
app.add_typer(seal, name="seal")
Json = Annotated[bool, typer.Option("--json", help="Machine output.")]


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
    from deploy.dev import run_dev

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


@app.command()
def rebuild(
    names: Annotated[
        list[str] | None, typer.Argument(help="Projections, as `projection_state` names them; none: all.")
    ] = None,
    *,
    check: Annotated[bool, typer.Option("--check", help="Only look. Exit status 1 if anything differs.")] = False,
    json: Json = False,
) -> None:
    """Compute tables anew from the events, and mend what differs.

    Everything else goes on meanwhile. Brings a suspended projection back. Exit status 1 if events could not be applied.
    """
    from deploy.commands.rebuild import run_rebuild

    run_rebuild(names or [], check_only=check, as_json=json)


@dead_letters.command("list")
def dead_letters_list(*, json: Json = False) -> None:
    """List the events that a projection could not apply."""
    from deploy.commands.dead_letters import list_dead_letters

    list_dead_letters(as_json=json)


@dead_letters.command("retry")
def dead_letters_retry(
    projection: Annotated[str | None, typer.Argument(help="Of this projection only.")] = None, *, json: Json = False
) -> None:
    """Apply them once more. Exit status 1 if any is left."""
    from deploy.commands.dead_letters import retry_dead_letters

    retry_dead_letters(projection, as_json=json)


@quarantine.command("list")
def quarantine_list(
    *, reason: Annotated[str | None, typer.Option(help="Of this reason only.")] = None, json: Json = False
) -> None:
    """List what was signed but not understood, came outside the time window, or was forged."""
    from deploy.commands.quarantine import list_quarantine

    list_quarantine(reason, as_json=json)


@quarantine.command("requeue")
def quarantine_requeue(
    keys: Annotated[list[str] | None, typer.Argument(help="Quarantine keys.")] = None,
    *,
    reason: Annotated[str | None, typer.Option(help="All of this reason that were not released yet.")] = None,
) -> None:
    """Release what is an authentic event: into Kafka where it is configured, else into the tables.

    Signature and body are read again. Exit status 1 if one was refused.
    """
    from deploy.commands.quarantine import requeue

    requeue(keys or [], reason)


@app.command()
def replay(
    *,
    since: Annotated[str | None, typer.Option(help="Events that occurred at or after this time (UTC).")] = None,
    until: Annotated[str | None, typer.Option(help="Events that occurred before this time (UTC).")] = None,
    types: Annotated[
        list[str] | None,
        typer.Option("--type", help="Of this type only, or of all that begin so: 'message.*'. May be repeated."),
    ] = None,
    rate: Annotated[float, typer.Option(min=0, help="Events a second at most; 0: as fast as Kafka takes them.")] = 0,
    after: Annotated[int, typer.Option(min=0, help="Go on after this position, which an interrupted run named.")] = 0,
    json: Json = False,
) -> None:
    """Publish stored events to Kafka once more, for a consumer that is new.

    To the topics of LEDGER_TOPIC_PREFIX, as ingest did, with the header `ledger_replay`. Who had them has duplicates.
    """
    from deploy.commands.replay import Asked, run_replay

    run_replay(Asked(since, until, types or [], rate, after), as_json=json)


@app.command()
def verify(
    *,
    chain: Annotated[
        list[str] | None, typer.Option(metavar="HEX", help="A value of `seal export` that was kept elsewhere.")
    ] = None,
    anew: Annotated[bool, typer.Option("--anew", help="Do not go on where an interrupted one left off.")] = False,
    json: Json = False,
) -> None:
    """Check every stored signature, event_key and seal, and that no event is stored twice.

    Goes on to the end whatever it finds; what does not hold is named, and the exit status is 1 then.
    """
    from deploy.commands.verify import Wanted, run_verify

    run_verify(Wanted(chain or [], anew, json))


@seal.command("now")
def seal_now(*, json: Json = False) -> None:
    """Seal every stored event that is under no seal yet. `project` and `dev` do it by themselves."""
    from deploy.commands.seal import seal_at_once

    seal_at_once(as_json=json)


@seal.command("export")
def seal_export(*, json: Json = False) -> None:
    """Print the newest chain value, to be kept or time-stamped elsewhere: `verify --chain` asks for it again."""
    from deploy.commands.seal import export_seal

    export_seal(as_json=json)


@app.command()
def keys(*, json: Json = False) -> None:
    """List every public key that is or was in force."""
    from deploy.commands.keys import run_keys

    run_keys(as_json=json)


@app.command()
def evidence(
    phone: Annotated[str, typer.Option(help="The person's number, such as +13125550100.")],
    out: Annotated[Path, typer.Option(help="The folder to make; it must not be there, or be empty.")],
    *,
    profile: Annotated[str | None, typer.Option(help="Only what is of this messaging profile.")] = None,
    at: Annotated[str | None, typer.Option(help="As it stood at that time, e.g. 2026-03-01T12:00:00Z.")] = None,
    json: Json = False,
) -> None:
    """Make a folder that proves what is known of a person: a page to read, the signed originals, a script that checks.

    Everything that names the number is in it, or is said not to be. An interrupted run leaves nothing.
    """
    from deploy.commands.evidence import run_evidence

    run_evidence(phone, profile, at, out, as_json=json)


@app.command()
def sql(
    query: Annotated[str | None, typer.Argument(help="One statement.")] = None,
    *,
    ask: Annotated[str | None, typer.Option(metavar="NAME", help="Instead of it: a worked question, by name.")] = None,
    file: Annotated[Path | None, typer.Option(help="Instead of it: a file that holds one statement.")] = None,
    given: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="The value of :'NAME' in the statement.")
    ] = None,
    questions: Annotated[bool, typer.Option("--list", help="List the worked questions.")] = False,
    timeout: Annotated[float, typer.Option(min=0.001, help="Seconds that it may take.")] = 60,
    json: Json = False,
) -> None:
    """Run one query as the reader and print a table.

    In a read-only transaction, on DATABASE_URL or on the Postgres of a running `dev`.
    """
    from deploy.commands.sql import Asked, list_questions, run_sql

    if questions:
        list_questions(as_json=json)
    else:
        run_sql(Asked(query, ask, file, given or [], timeout), as_json=json)


@app.command(hidden=True)
def kafka_mode() -> None:
    """The whole Kafka mode on this machine, with a local broker: what `make run-kafka` starts."""
    from deploy.kafka_mode import run_kafka_mode

    run_kafka_mode()
