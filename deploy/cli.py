"""The command line: a table of commands, each imported when it is used. `--help` and `--version` import none."""

from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from deploy.program import errors_as_exit_status, flush_each_line, occupy_standard_descriptors

# Name → line of `telnyx-ledger --help`. The file is deploy/commands/<name>.py; the listing imports none of them.
COMMANDS = {
    "dev": "Run everything in one process, Postgres included.",
    "ingest": "Receive webhooks and publish them to Kafka.",
    "project": "Read the topics and keep the tables in Postgres.",
    "migrate": "Create the schema, or upgrade it.",
    "topics": "Create the Kafka topics, or check existing ones.",
    "simulate": "Send signed, realistic traffic and check the answers.",
    "rebuild": "Recompute tables from the events and repair differences.",
    "dead-letters": "Events that a projection could not apply.",
    "quarantine": "Webhooks that did not become events.",
    "spool": "The durable queue on local disk.",
    "restored": "Move positions on after an older copy of the database took over.",
    "replay": "Publish stored events to Kafka again.",
    "verify": "Check every stored signature, event_key and seal.",
    "seal": "Seals over the events, which show whether one was removed.",
    "keys": "List every public key that is or was in force.",
    "evidence": "Write a folder that proves what is known about a person.",
    "sql": "Run one read-only query and print a table.",
}


class LazyGroup(TyperGroup):
    """Lists the commands from COMMANDS, and imports the file of the one that is used."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # The listing, and the hint after a typo, need the names alone.
        names: dict[str, Any] = dict.fromkeys(COMMANDS)
        self.commands = names

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 -- click's signature
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"deploy.commands.{cmd_name.replace('-', '_')}")
        command = typer.main.get_command(module.app)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 -- click's signature
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


app = typer.Typer(
    cls=LazyGroup,
    help="Telnyx messaging webhooks, kept as signed evidence and turned into SQL tables.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    occupy_standard_descriptors()
    flush_each_line()
    with errors_as_exit_status():
        app()


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"telnyx-ledger {version('telnyx-ledger')}")
        raise typer.Exit


@app.callback()
def program(
    *, _version: Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True)] = False
) -> None:
    """Configuration is read from the environment: see docs/configuration.md."""
