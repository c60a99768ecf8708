"""One file per command: its options, its wiring and its messages. `deploy.cli` imports a file when it is used."""

from typing import Annotated, TypeVar

import typer

from deploy import logs
from schemas.settings import LogSettings, load

S = TypeVar("S", bound=LogSettings)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def command_app(help_text: str | None = None) -> typer.Typer:
    """Return the typer application of one file: a single command, or a group of commands with a help text."""
    return typer.Typer(
        help=help_text,
        no_args_is_help=help_text is not None,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )


def load_and_log(kind: type[S]) -> S:
    """Return the settings, after setting up the log at their level. Raises Misconfigured."""
    settings = load(kind)
    logs.configure(settings.ledger_log_level)
    return settings
