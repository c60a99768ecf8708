"""What a projection is: which events it takes, which rows they make, and what is refolded from stored facts.

A new family is a new declaration of this kind, listed in `registry.py`; the projector does not change.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from projections.engine.table import Row, Table
from schemas.families.event_types import EventTypes
from schemas.kafka.record import Delivery
from schemas.reading.event import Event

Rows = Iterable[tuple[Table, Row]]
Fold = Callable[[asyncpg.Connection, Sequence[tuple[Any, ...]]], Awaitable[None]]
Stored = tuple[Event, Delivery]


@dataclass(frozen=True, slots=True)
class Refold:
    """A table that is computed again from stored facts, for the things that a batch touches.

    In READ COMMITTED: the facts are in; then `lock` in a statement of its own; then `fold` in a new one, which so sees
    the facts of everybody who held the lock before. Without the lock two projectors each fold without the other's
    uncommitted fact, and the later write is wrong.

    In SQL both take one array a column of `touched`, sorted; a `fold` in Python takes these rows, each once,
    and its lock nothing. `tables` are those that it writes.
    """

    facts: Table
    tables: tuple[str, ...]
    touched: tuple[str, ...]
    lock: str
    fold: str | Fold

    async def run(self, connection: asyncpg.Connection, touched: Sequence[tuple[Any, ...]]) -> None:
        """Locks until the end of the transaction, then folds."""
        if isinstance(self.fold, str):
            columns = [list(column) for column in zip(*touched, strict=True)]
            await connection.execute(self.lock, *columns)
            await connection.execute(self.fold, *columns)
        else:
            await connection.execute(self.lock)
            await self.fold(connection, touched)


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """Event types to rows of tables. Raise `version` when `rows` or a fold changes."""

    name: str
    version: int
    event_types: EventTypes
    tables: tuple[Table, ...]
    rows: Callable[[Event, Delivery], Rows]
    refold: Refold | None = None


class Routing:
    """Which projections an event type feeds, remembered for the types that Telnyx repeats all day."""

    def __init__(self, projections: Sequence[Projection]) -> None:
        self.projections = tuple(projections)
        self._known: dict[str, tuple[Projection, ...]] = {}

    def of(self, event_type: str) -> tuple[Projection, ...]:
        """The projections that take events of this type."""
        found = self._known.get(event_type)
        if found is None:
            found = tuple(projection for projection in self.projections if projection.event_types.takes(event_type))
            if len(self._known) < 1000:  # types are the sender's words: bounded
                self._known[event_type] = found
        return found
