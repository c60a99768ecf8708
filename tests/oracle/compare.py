"""Compares rows of Postgres with the expected ones: every contract column, by value and type.

Amounts must agree in every digit, including trailing zeros; numbers inside jsonb by value, because jsonb rewrites them.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

import asyncpg

from tests.contract import tables as contract
from tests.oracle.bodies import parse
from tests.oracle.rows import Rows
from tests.oracle.tables import FOLDS
from tests.oracle.values import Real

TABLES = ("events", "quarantined_webhooks", *FOLDS)
KEYS = {table: contract.TABLES[table].key for table in TABLES}
# The order of the store and the database's clock cannot be computed from the deliveries.
COLUMNS = {
    table: ", ".join(name for name in contract.TABLES[table].columns if name not in ("position", "recorded_at"))
    for table in TABLES
}
JSONB = frozenset({"media", "reasons"})


async def stored_tables(connection: asyncpg.Connection) -> dict[str, Rows]:
    """The tables of Postgres in the shape of the oracle's."""
    return {
        table: await stored_rows(connection, KEYS[table], f"select {columns} from telnyx.{table}")
        for table, columns in COLUMNS.items()
    }


async def stored_rows(connection: asyncpg.Connection, key: tuple[str, ...], query: str, *arguments: object) -> Rows:
    """The rows of a query, by key. Two rows with one key are an error of the query."""
    rows: Rows = {}
    for record in await connection.fetch(query, *arguments):
        row = {name: parse(value.encode()) if name in JSONB and value else value for name, value in record.items()}
        where = tuple(UUID(str(row[name])) if isinstance(row[name], UUID) else row[name] for name in key)
        assert where not in rows, f"two rows for {where}"
        rows[where] = row
    return rows


def differences(expected: Mapping[str, Rows], found: Mapping[str, Rows]) -> list[str]:
    """One line, `table.column of key: …`, per row or column that differs."""
    lines = [f"{table}: not compared" for table in expected.keys() ^ found.keys()]
    for table in expected.keys() & found.keys():
        lines += rows_differences(table, expected[table], found[table])
    return sorted(lines)


def rows_differences(table: str, expected: Rows, found: Rows) -> list[str]:
    lines = [f"{table} of {_short(key)}: missing" for key in expected.keys() - found.keys()]
    lines += [f"{table} of {_short(key)}: not expected" for key in found.keys() - expected.keys()]
    for key in expected.keys() & found.keys():
        wanted, seen = expected[key], found[key]
        names = wanted.keys() | seen.keys()
        lines += [
            f"{table}.{name} of {_short(key)}: expected {_short(wanted.get(name))}, found {_short(seen.get(name))}"
            for name in names
            if name not in wanted or name not in seen or not same(name, wanted[name], seen[name])
        ]
    return lines


def same(name: str, wanted: object, seen: object) -> bool:
    """Equal in value and type. The column's name decides whether it is compared as JSON."""
    convert = _json if name in JSONB else _typed
    return bool(convert(wanted) == convert(seen))


def _typed(value: object) -> object:
    if isinstance(value, Decimal):
        return ("numeric", format(value, "f"))
    if isinstance(value, UUID):
        return ("uuid", str(value))
    if isinstance(value, datetime):
        assert value.utcoffset() is not None
        return ("timestamptz", value.astimezone(UTC))
    if isinstance(value, list):
        return ("array", [_typed(item) for item in value])
    return (type(value).__name__, value)


def _json(value: object) -> object:
    if isinstance(value, Real):
        return ("number", Fraction(value.written))
    if isinstance(value, int) and not isinstance(value, bool):
        return ("number", Fraction(value))
    if isinstance(value, list):
        return ("array", [_json(item) for item in value])
    if isinstance(value, dict):
        return ("object", {name: _json(item) for name, item in value.items()})
    return (type(value).__name__, value)


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 200 else shown[:200] + "…"
