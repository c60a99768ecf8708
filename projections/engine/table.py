"""The declaration of a table: its columns, and how two observations of one row become one row.

Invariant: a table is a function of the *set* of events; any order, duplication or batching gives the same rows. A
column is a minimum or maximum that ignores nulls (`least`, `greatest`), or belongs to the observation that is greatest
in a total order (`winners`), or is constant for its key (`constants`). The same declaration folds a batch in memory
and merges it in SQL.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from operator import itemgetter
from typing import Any

import orjson

Row = dict[str, Any]
Columns = Mapping[str, str]  # column name -> Postgres type, in order


class Deferred:
    """A value that is made when its row is encoded, for one that would take much memory in each of many rows."""

    __slots__ = ("make",)

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make


def _values(names: Iterable[str]) -> Callable[[Row], tuple[Any, ...]]:
    """A function that returns the values of these columns of a row, in order."""
    columns = tuple(names)
    return itemgetter(*columns) if len(columns) > 1 else lambda row: tuple([row[name] for name in columns])


@dataclass(frozen=True)
class Winner:
    """Columns that are taken together from the observation whose `order` is greatest; a null order never wins."""

    order: Columns
    takes: Columns

    @cached_property
    def columns(self) -> dict[str, str]:
        """All columns of the group. Those of the order are stored too, to be compared with later observations."""
        return {**self.order, **self.takes}

    @cached_property
    def _order_of(self) -> Callable[[Row], tuple[Any, ...]]:
        return _values(self.order)

    def beats(self, new: Row, kept: Row) -> bool:
        """Whether `new` wins. With equal orders the first one stays, within one event the earlier item."""
        challenger, champion = self._order_of(new), self._order_of(kept)
        return challenger[0] is not None and (champion[0] is None or challenger > champion)


@dataclass(frozen=True)
class Table:
    """A table of schema `telnyx`. Rows are dicts with every column; arrays are lists, jsonb any JSON value."""

    name: str
    key: Columns
    constants: Columns
    least: Columns
    greatest: Columns
    winners: tuple[Winner, ...]

    @cached_property
    def columns(self) -> dict[str, str]:
        """Every column that a projection writes, with its type."""
        columns = {**self.key, **self.constants, **self.least, **self.greatest}
        for winner in self.winners:
            columns |= winner.columns
        return columns

    def fold(self, rows: Iterable[Row]) -> list[Row]:
        """One row per key, sorted by key: the order in which all writers lock rows."""
        kept: dict[tuple[Any, ...], Row] = {}
        key_of = self._key_of
        for row in rows:
            key = key_of(row)
            if key in kept:
                self._merge(kept[key], row)
            else:
                kept[key] = row
        return [kept[key] for key in sorted(kept)]

    def _merge(self, kept: Row, new: Row) -> None:
        for name, value, old in zip(self.least, self._least_of(new), self._least_of(kept), strict=True):
            if value is not None and (old is None or value < old):
                kept[name] = value
        for name, value, old in zip(self.greatest, self._greatest_of(new), self._greatest_of(kept), strict=True):
            if value is not None and (old is None or value > old):
                kept[name] = value
        for winner in self.winners:
            if winner.beats(new, kept):
                for name in winner.columns:
                    kept[name] = new[name]

    @cached_property
    def _key_of(self) -> Callable[[Row], tuple[Any, ...]]:
        return _values(self.key)

    @cached_property
    def _least_of(self) -> Callable[[Row], tuple[Any, ...]]:
        return _values(self.least)

    @cached_property
    def _greatest_of(self) -> Callable[[Row], tuple[Any, ...]]:
        return _values(self.greatest)

    def document(self, rows: list[Row]) -> str:
        """The rows as the JSON document that `upsert` takes."""
        # One call of the encoder; arrays would cost one per value.
        return orjson.dumps(rows, default=_encode).decode()

    def documents(self, rows: Iterable[Row], most_bytes: int) -> Iterator[str]:
        """The rows as several such documents of at most `most_bytes`; a larger row makes one alone."""
        part: list[bytes] = []
        size = 0
        for row in rows:
            encoded = orjson.dumps(row, default=_encode)
            if part and size + len(encoded) > most_bytes:
                yield f"[{b','.join(part).decode()}]"
                part, size = [], 0
            part.append(encoded)
            size += len(encoded)
        if part:
            yield f"[{b','.join(part).decode()}]"

    @cached_property
    def only_inserted(self) -> bool:
        """Whether a row never changes once it exists. False with a jsonb column, which COPY would encode separately."""
        return not (self.least or self.greatest or self.winners or "jsonb" in self.columns.values())

    def records(self, rows: list[Row]) -> list[tuple[Any, ...]]:
        """The rows as COPY takes them, in the order of `columns`."""
        return list(map(_values(self.columns), rows))

    @cached_property
    def upsert(self) -> str:
        """The statement that merges folded rows. Parameter: $1 the JSON document."""
        names = ", ".join(self.columns)
        given = ", ".join(f"{name} {kind}" for name, kind in self.columns.items())
        updates = ", ".join(f"{name} = {value}" for name, value in self._updates().items())
        # A duplicate changes nothing, and must not write a second version of the row.
        update = f"update set {updates}\nwhere {' or '.join(self._changes())}" if updates else "nothing"
        return (
            f"insert into telnyx.{self.name} as kept ({names})\n"
            f"select {names} from json_to_recordset($1::json) as given ({given})\n"
            f"on conflict ({', '.join(self.key)}) do {update}"
        )

    def _changes(self) -> list[str]:
        """Conditions of which one is true where the update changes the row; those that mostly are come first."""
        for_winners = []
        for winner in self.winners:
            first = next(iter(winner.order))
            old, new = (", ".join(f"{side}.{name}" for name in winner.order) for side in ("kept", "excluded"))
            for_winners += [f"({new}) > ({old})", f"(kept.{first} is null and excluded.{first} is not null)"]
        merged = [(name, "<") for name in self.least] + [(name, ">") for name in self.greatest]
        for_values = [
            f"excluded.{name} {sign} kept.{name} or (kept.{name} is null and excluded.{name} is not null)"
            for name, sign in merged
        ]
        return for_winners + for_values

    def _updates(self) -> dict[str, str]:
        updates = {name: f"least(kept.{name}, excluded.{name})" for name in self.least}
        updates |= {name: f"greatest(kept.{name}, excluded.{name})" for name in self.greatest}
        for winner in self.winners:
            old, new = (", ".join(f"{side}.{name}" for name in winner.order) for side in ("kept", "excluded"))
            wins = f"kept.{next(iter(winner.order))} is null or ({new}) > ({old})"
            updates |= {name: f"case when {wins} then excluded.{name} else kept.{name} end" for name in winner.columns}
        return updates


def table(
    name: str,
    *,
    key: str,
    constants: str = "",
    least: str = "",
    greatest: str = "",
    winners: Iterable[tuple[str, str]] = (),
) -> Table:
    """A Table from `column type, column type` lists; each winner is a pair of such lists (order, takes)."""
    groups = tuple(Winner(_columns(order), _columns(takes)) for order, takes in winners)
    return Table(name, _columns(key), _columns(constants), _columns(least), _columns(greatest), groups)


def _columns(declared: str) -> Columns:
    pairs = (item.split() for item in declared.split(",") if item.strip())
    return {name: kind for name, kind in pairs}  # noqa: C416 -- unpacking checks that each item is a pair


def _encode(value: Any) -> Any:
    """A string that Postgres reads as the value, for types that JSON does not have. A deferred value is made."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Deferred):
        return value.make()
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    raise TypeError(type(value).__name__)
