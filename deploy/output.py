"""Rows on stdout: a table for people, JSON for programs. A table is not wrapped in a pipe or a file."""

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import astuple, fields
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

PLAIN_WIDTH = 10_000

Rows = Sequence[Sequence[Any]]


def show(columns: Sequence[str], rows: Rows, *, as_json: bool) -> None:
    """Print one JSON array of objects, or a table and the number of its rows."""
    if as_json:
        print(json.dumps([dict(zip(columns, row, strict=True)) for row in rows], default=_text, ensure_ascii=False))
    else:
        _print_table(columns, rows)


def show_objects(kind: type, objects: Iterable[Any], *, as_json: bool) -> None:
    """Print instances of the dataclass `kind`, one row each, a column per field."""
    show([field.name for field in fields(kind)], [astuple(item) for item in objects], as_json=as_json)


def _print_table(columns: Sequence[str], rows: Rows) -> None:
    table = Table(*columns)
    for row in rows:
        table.add_row(*(Text("" if value is None else _cell(value)) for value in row))
    Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH).print(table)
    print(f"({len(rows)} row{'' if len(rows) == 1 else 's'})")


def _text(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _cell(value: Any) -> str:
    return "{" + ", ".join(map(_text, value)) + "}" if isinstance(value, list) else _text(value)
