"""The declaration of a projection: the events that it takes, their rows, and the tables that are folded from facts.

A new family is a new declaration, listed in `projections/registry.py`; the projector does not change.
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
    """Tables that are folded again from stored facts, for the keys that a batch touches.

    `facts` is the table of facts, `tables` are the names of the tables that the fold writes, `touched` are the columns
    of a key. In SQL, `lock` and `fold` take one array per column of `touched`, sorted. A `fold` in Python takes the
    sorted rows, each once, and its `lock` takes nothing.
    """

    facts: Table
    tables: tuple[str, ...]
    touched: tuple[str, ...]
    lock: str
    fold: str | Fold

    async def run(self, connection: asyncpg.Connection, touched: Sequence[tuple[Any, ...]]) -> None:
        """Lock until the end of the transaction, then fold."""
        # The facts are written already. In READ COMMITTED the fold is a new statement after the lock: it sees the facts
        # of every projector that held the lock before. Without the lock, two projectors would each fold without the
        # other's uncommitted fact, and the later write would be wrong.
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
    """The projections of each event type, cached for the types that Telnyx repeats all day."""

    def __init__(self, projections: Sequence[Projection]) -> None:
        self.projections = tuple(projections)
        self._known: dict[str, tuple[Projection, ...]] = {}

    def of(self, event_type: str) -> tuple[Projection, ...]:
        """The projections that take events of this type."""
        found = self._known.get(event_type)
        if found is None:
            found = tuple(projection for projection in self.projections if projection.event_types.takes(event_type))
            if len(self._known) < 1000:  # the sender chooses the types: bounded
                self._known[event_type] = found
        return found
