"""The command line's table of commands agrees with the files that it names."""

from importlib import import_module
from typing import Any

import pytest
import typer

from deploy.cli import COMMANDS


@pytest.mark.parametrize(("name", "summary"), COMMANDS.items())
def test_a_commands_own_help_begins_with_its_line_in_the_listing(name: str, summary: str) -> None:
    module = import_module(f"deploy.commands.{name.replace('-', '_')}")
    command: Any = typer.main.get_command(module.app)
    assert command.help.splitlines()[0] == summary
