"""A read model, declared: its columns and how two observations of one row become one.

Every column is a join that ignores nulls (`least`, `greatest`), or is taken whole from the observation that is
greatest in a total order (`winners`), or is a constant of its key (`constants`). So a table is a function of the *set*
of events: any order, duplication or batching gives the same rows. One declaration folds a batch in memory and merges
it in SQL.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from operator import itemgetter
from typing import Any

import orjson

Row = dict[str, Any]
Columns = Mapping[str, str]  # column name -> Postgres type, in order


def _values(names: Iterable[str]) -> Callable[[Row], tuple[Any, ...]]:
    """What takes the values of these columns out of a row, in their order."""
    several = tuple(names)
    return itemgetter(*several) if len(several) > 1 else lambda row: tuple([row[name] for name in several])


@dataclass(frozen=True)
class Winner:
    """Columns that are taken together from the observation whose `order` is greatest; a null order never wins."""

    order: Columns
    takes: Columns

    @cached_property
    def columns(self) -> dict[str, str]:
        """All columns of the group; those of the order are stored too, to compare with what comes later."""
        return {**self.order, **self.takes}

    @cached_property
    def _place(self) -> Callable[[Row], tuple[Any, ...]]:
        return _values(self.order)

    def beats(self, new: Row, kept: Row) -> bool:
        """Whether `new` wins. Equal orders keep what was first, which within one event is the earlier item."""
        challenger, champion = self._place(new), self._place(kept)
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
        """One row a key, sorted by key: what a batch comes to, in the order in which all writers lock rows."""
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
        """The rows as the JSON document that `upsert` takes: one encoder call, where arrays cost one per value."""
        return orjson.dumps(rows, default=_encode).decode()

    @cached_property
    def only_inserted(self) -> bool:
        """Whether a row never changes once it is there. Not where JSON would have to be encoded for COPY by itself."""
        return not (self.least or self.greatest or self.winners or "jsonb" in self.columns.values())

    def records(self, rows: list[Row]) -> list[tuple[Any, ...]]:
        """The rows as COPY takes them, in the order of `columns`."""
        return list(map(_values(self.columns), rows))

    @cached_property
    def upsert(self) -> str:
        """The statement that merges a folded batch, given as one JSON document."""
        names = ", ".join(self.columns)
        given = ", ".join(f"{name} {kind}" for name, kind in self.columns.items())
        updates = ", ".join(f"{name} = {value}" for name, value in self._updates().items())
        return (
            f"insert into telnyx.{self.name} as kept ({names})\n"
            f"select {names} from json_to_recordset($1::json) as given ({given})\n"
            f"on conflict ({', '.join(self.key)}) do {f'update set {updates}' if updates else 'nothing'}"
        )

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


def _encode(value: Any) -> str:
    """What JSON has no word for, as Postgres reads it from a string."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    raise TypeError(type(value).__name__)
