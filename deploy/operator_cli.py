"""The commands of whoever answers for what is stored: mend, release, replay, verify, seal, prove, ask.

The part of the command line (cli.py) that works on a ledger beside the processes that fill it.
"""
# ruff: noqa: PLC0415 -- imports are made in the command that needs them

from pathlib import Path
from typing import Annotated

import typer

operator = typer.Typer()
dead_letters = typer.Typer(help="Events that a projection could not apply.", no_args_is_help=True)
quarantine = typer.Typer(help="Webhooks that did not become events.", no_args_is_help=True)
seal = typer.Typer(help="Seals over the events, which show if one was taken out.", no_args_is_help=True)
operator.add_typer(dead_letters, name="dead-letters")
operator.add_typer(quarantine, name="quarantine")
operator.add_typer(seal, name="seal")
Json = Annotated[bool, typer.Option("--json", help="Machine output.")]


@operator.command()
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
    reason: Annotated[str | None, typer.Option(help="All of this reason that were not requeued yet.")] = None,
) -> None:
    """Requeue what is an authentic event: into Kafka where it is configured, else into the tables.

    Signature and body are read again. Exit status 1 if one was refused.
    """
    from deploy.commands.quarantine import run_requeue

    run_requeue(keys or [], reason)


@operator.command()
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


@operator.command()
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


@operator.command()
def keys(*, json: Json = False) -> None:
    """List every public key that is or was in force."""
    from deploy.commands.keys import run_keys

    run_keys(as_json=json)


@operator.command()
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


@operator.command()
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
