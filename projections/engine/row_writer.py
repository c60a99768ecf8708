"""One projection's part of a batch: rows computed outside the transaction, written inside it in one fixed way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from projections.engine.projection import Projection, Routing
from projections.engine.table import Row, Table
from schemas.kafka.record import Delivery
from schemas.reading.event import Event, Unreadable, read

COPY_ROWS = 20  # below it COPY's second round trip costs more than it saves


@dataclass(frozen=True, slots=True)
class FoldedRows:
    """What a projection will write: each table's folded rows as a document, and the things to refold, sorted.

    `records` has the rows of a table once more, by its name, where they could go by COPY.
    """

    projection: Projection
    documents: Sequence[tuple[Table, str]]
    records: Mapping[str, Sequence[tuple[Any, ...]]]
    touched: Sequence[tuple[Any, ...]]


class RowBuilder:
    """The rows of one projection, event by event. Whatever it raises is a fault in the projection's code."""

    def __init__(self, projection: Projection) -> None:
        self._projection = projection
        self._given: dict[str, list[Row]] = {table.name: [] for table in projection.tables}

    def add(self, event: Event, delivery: Delivery) -> None:
        """Computes the rows of an event."""
        for table, row in self._projection.rows(event, delivery):
            self._given[table.name].append(row)

    def folded(self) -> FoldedRows:
        """What they come to."""
        projection, given = self._projection, self._given
        touched: set[tuple[Any, ...]] = set()
        if projection.refold is not None:
            names = projection.refold.touched
            touched = {tuple([row[name] for name in names]) for row in given[projection.refold.facts.name]}
        folded = [(table, table.fold(given[table.name])) for table in projection.tables if given[table.name]]
        documents = [(table, table.document(rows)) for table, rows in folded]
        many = [(table, rows) for table, rows in folded if len(rows) >= COPY_ROWS]
        records = {table.name: table.records(rows) for table, rows in many if table.only_inserted}
        ordered = sorted(touched, key=lambda row: [(name is not None, name) for name in row])
        return FoldedRows(projection, documents, records, ordered)


@dataclass(frozen=True, slots=True)
class ProjectionPart:
    """The events of a batch that a projection takes; `folded` is None where its code failed on one of them.

    They are kept as their evidence: what was read from a body is ten times its size, and a batch of that outgrows the
    processor's cache. Who needs an event again reads it again.
    """

    projection: Projection
    deliveries: Sequence[Delivery]
    folded: FoldedRows | None


class PartBuilder:
    """What each projection makes of a batch, event by event: all of it while the event is at hand."""

    def __init__(self, routing: Routing) -> None:
        self._routing = routing
        self._deliveries: dict[Projection, list[Delivery]] = {}
        self._builders: dict[Projection, RowBuilder | None] = {}

    def add(self, event: Event, delivery: Delivery) -> None:
        """An event for every projection that takes it. Never raises."""
        for projection in self._routing.of(event.type):
            if projection not in self._builders:
                self._deliveries[projection], self._builders[projection] = [], RowBuilder(projection)
            self._deliveries[projection].append(delivery)
            builder = self._builders[projection]
            if builder is not None:
                try:
                    builder.add(event, delivery)
                except Exception:  # noqa: BLE001 -- whoever is at fault is found by doing it again, one by one
                    self._builders[projection] = None

    def parts(self) -> list[ProjectionPart]:
        """In writing order."""
        fed = [projection for projection in self._routing.projections if projection in self._builders]
        return [
            ProjectionPart(projection, self._deliveries[projection], self._folded(projection)) for projection in fed
        ]

    def _folded(self, projection: Projection) -> FoldedRows | None:
        builder = self._builders[projection]
        try:
            return builder.folded() if builder is not None else None
        except Exception:  # noqa: BLE001 -- as above
            return None


def read_again(delivery: Delivery) -> Event:
    """The event of a delivery that was read before. Raises ValueError where there is none."""
    event = read(delivery.body)
    if isinstance(event, Unreadable):
        raise ValueError(event.reason)
    return event


def fold_rows(projection: Projection, deliveries: Sequence[Delivery]) -> FoldedRows:
    """The rows of these events. Whatever it raises is a fault in the projection's code."""
    builder = RowBuilder(projection)
    for delivery in deliveries:
        builder.add(read_again(delivery), delivery)
    return builder.folded()


async def write(connection: asyncpg.Connection, folded: FoldedRows, *, copy: bool = False) -> None:
    """Merges the rows and refolds what they touch, inside the caller's transaction.

    With `copy` many rows that are only ever inserted go by COPY, for half of what a merge takes; raises
    asyncpg.UniqueViolationError where one is there already.
    """
    for table, document in folded.documents:
        if copy and table.name in folded.records:
            columns, records = table.columns, folded.records[table.name]
            await connection.copy_records_to_table(table.name, schema_name="telnyx", columns=columns, records=records)
        else:
            await connection.execute(table.upsert, document)
    refold = folded.projection.refold
    if refold is not None and folded.touched:
        await refold.run(connection, folded.touched)


async def upsert(connection: asyncpg.Connection, table: Table, rows: Sequence[Row]) -> None:
    """Merges rows that belong to no projection."""
    if rows:
        await connection.execute(table.upsert, table.document(table.fold(rows)))
