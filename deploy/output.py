"""Rows on stdout: a table for people, which is not folded in a pipe or a file, or JSON for programs."""

import json
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

PLAIN_WIDTH = 10_000

Rows = Sequence[Sequence[Any]]


def print_json(columns: Sequence[str], rows: Rows) -> None:
    """One array of objects."""
    print(json.dumps([dict(zip(columns, row, strict=True)) for row in rows], default=_shown, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Rows) -> None:
    """A table and the number of its rows."""
    table = Table(*columns)
    for row in rows:
        table.add_row(*(Text("" if value is None else _cell(value)) for value in row))
    Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH).print(table)
    print(f"({len(rows)} row{'' if len(rows) == 1 else 's'})")


def _shown(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _cell(value: Any) -> str:
    return "{" + ", ".join(map(_shown, value)) + "}" if isinstance(value, list) else _shown(value)
