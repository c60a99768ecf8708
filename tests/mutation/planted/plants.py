"""Plants an error in a projection: in a table's declaration, in its rows, or in a fold in SQL or Python."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from projections.engine.projection import Fold, Projection, Rows
from projections.engine.table import Row, Table
from schemas.kafka.record import Delivery
from schemas.reading.event import Event

Plant = Callable[[Projection], Projection]


def in_table(table: str, alter: Callable[[Table], Table]) -> Plant:
    """The same rows, merged by an altered declaration."""

    def plant(projection: Projection) -> Projection:
        altered = {known.name: alter(known) if known.name == table else known for known in projection.tables}

        def rows(event: Event, delivery: Delivery) -> Rows:
            return [(altered[known.name], row) for known, row in projection.rows(event, delivery)]

        return replace(projection, tables=tuple(altered.values()), rows=rows)

    return plant


def in_rows(table: str, alter: Callable[[Row], Row]) -> Plant:
    """The same declaration, given altered rows."""

    def plant(projection: Projection) -> Projection:
        def rows(event: Event, delivery: Delivery) -> Rows:
            found: Iterable[tuple[Table, Row]] = projection.rows(event, delivery)
            return [(known, alter(dict(row)) if known.name == table else row) for known, row in found]

        return replace(projection, rows=rows)

    return plant


def in_fold(old: str, new: str) -> Plant:
    """The same facts, folded by an altered statement."""

    def plant(projection: Projection) -> Projection:
        refold = projection.refold
        assert refold is not None
        assert isinstance(refold.fold, str)
        assert old in refold.fold
        return replace(projection, refold=replace(refold, fold=refold.fold.replace(old, new)))

    return plant


def in_module(module: Any, name: str, altered: Any) -> Plant:
    """The same facts, folded in Python with one altered name of a module or entry of a dict."""

    def plant(projection: Projection) -> Projection:
        refold = projection.refold
        assert refold is not None
        fold = refold.fold
        assert not isinstance(fold, str)
        return replace(projection, refold=replace(refold, fold=_altered(fold, module, name, altered)))

    return plant


def _altered(fold: Fold, place: Any, name: str, altered: Any) -> Fold:
    async def altered_fold(connection: asyncpg.Connection, touched: Sequence[tuple[Any, ...]]) -> None:
        with pytest.MonkeyPatch.context() as patch:
            if isinstance(place, dict):
                patch.setitem(place, name, altered)
            else:
                patch.setattr(place, name, altered)
            await fold(connection, touched)

    return altered_fold


def moved(column: str, *, to: str) -> Callable[[Table], Table]:
    """Merges a column by another rule: least, greatest, constants (the first stays) or winner."""

    def alter(table: Table) -> Table:
        kind = table.columns[column]

        def without(columns: Mapping[str, str]) -> dict[str, str]:
            return {name: of for name, of in columns.items() if name != column}

        winners = [replace(winner, takes=without(winner.takes)) for winner in table.winners]
        if to == "winner":
            winners[0] = replace(winners[0], takes={**winners[0].takes, column: kind})
        return replace(
            table,
            least={**without(table.least), **({column: kind} if to == "least" else {})},
            greatest={**without(table.greatest), **({column: kind} if to == "greatest" else {})},
            constants={**without(table.constants), **({column: kind} if to == "constants" else {})},
            winners=tuple(winners),
        )

    return alter


def the_latest_wins(table: Table) -> Table:
    """The winner of a delivery row by time alone, without rank."""
    status, cost = table.winners
    order = {name: kind for name, kind in status.order.items() if name != "status_rank"}
    return replace(
        table, winners=(replace(status, order=order, takes={**status.takes, "status_rank": "smallint"}), cost)
    )
