"""The rows of one projection in a batch: computed outside the transaction, written inside it in sorted order."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from projections.engine.projection import Projection, Routing
from projections.engine.table import Row, Table
from schemas.kafka.record import Delivery
from schemas.reading.event import Event, Unreadable, read

COPY_ROWS = 20  # below it COPY's second round trip costs more than it saves
ONE_DOCUMENT_BYTES = 8 * 1024 * 1024  # rows that may be more are sent in several documents
DOCUMENT_BYTES = 1024 * 1024  # of one of several: it is in memory four times while it is sent


class ManyDocuments:
    """The documents of rows that would be too large for one, made one after another, each time they are iterated.

    Every recipient of an event gets the event's tags and errors: a body of 150 KiB can make 100 MB of rows.
    """

    def __init__(self, table: Table, rows: Sequence[Row]) -> None:
        self._table, self._rows = table, rows

    def __iter__(self) -> Iterator[str]:
        return self._table.documents(self._rows, DOCUMENT_BYTES)


@dataclass(frozen=True, slots=True)
class FoldedRows:
    """The rows that a projection writes, folded to one per key.

    `documents` has each table's rows as JSON documents, mostly one. `records` has them again, by table name, where COPY
    may write them. `touched` has the keys to refold, sorted.
    """

    projection: Projection
    documents: Sequence[tuple[Table, Iterable[str]]]
    records: Mapping[str, Sequence[tuple[Any, ...]]]
    touched: Sequence[tuple[Any, ...]]


class RowBuilder:
    """Collects the rows of one projection. Its errors come from the projection's code."""

    def __init__(self, projection: Projection) -> None:
        self._projection = projection
        self._rows: dict[str, list[Row]] = {table.name: [] for table in projection.tables}
        self._most_bytes = 0  # a row holds no more than the body of its event

    def add(self, event: Event, delivery: Delivery) -> None:
        """Compute the rows of an event."""
        for table, row in self._projection.rows(event, delivery):
            self._rows[table.name].append(row)
            self._most_bytes += len(delivery.body)

    def folded(self) -> FoldedRows:
        """All rows, one per key."""
        projection, collected = self._projection, self._rows
        touched: set[tuple[Any, ...]] = set()
        if projection.refold is not None:
            names = projection.refold.touched
            touched = {tuple([row[name] for name in names]) for row in collected[projection.refold.facts.name]}
        folded = [(table, table.fold(collected[table.name])) for table in projection.tables if collected[table.name]]
        fits = self._most_bytes <= ONE_DOCUMENT_BYTES
        documents: list[tuple[Table, Iterable[str]]] = [
            (table, [table.document(rows)] if fits else ManyDocuments(table, rows)) for table, rows in folded
        ]
        many = [(table, rows) for table, rows in folded if len(rows) >= COPY_ROWS]
        records = {table.name: table.records(rows) for table, rows in many if table.only_inserted}
        return FoldedRows(projection, documents, records, in_writing_order(touched))


def in_writing_order(touched: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The keys of a refold in the order in which every projector locks and writes them; values may be null."""
    return sorted(touched, key=lambda row: [(name is not None, name) for name in row])


@dataclass(frozen=True, slots=True)
class ProjectionPart:
    """The events of a batch that a projection takes; `folded` is None where its code failed on one of them."""

    # Deliveries are kept, not events: an event is ten times the size of its body, and a batch of them outgrows the
    # processor's cache. Where an event is needed again, its body is read again.

    projection: Projection
    deliveries: Sequence[Delivery]
    folded: FoldedRows | None


class PartBuilder:
    """Computes the rows of all projections, event by event, while the event is in the processor's cache."""

    def __init__(self, routing: Routing) -> None:
        self._routing = routing
        self._deliveries: dict[Projection, list[Delivery]] = {}
        self._builders: dict[Projection, RowBuilder | None] = {}

    def add(self, event: Event, delivery: Delivery) -> None:
        """Compute the rows of an event for every projection that takes it. Never raises."""
        for projection in self._routing.of(event.type):
            if projection not in self._builders:
                self._deliveries[projection], self._builders[projection] = [], RowBuilder(projection)
            self._deliveries[projection].append(delivery)
            builder = self._builders[projection]
            if builder is not None:
                try:
                    builder.add(event, delivery)
                except Exception:  # noqa: BLE001 -- fault isolation finds the event that caused it
                    self._builders[projection] = None

    def parts(self) -> list[ProjectionPart]:
        """The parts, in the order in which they are written."""
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
    """The event of a delivery, read from its body again. Raises ValueError where the body holds none."""
    event = read(delivery.body)
    if isinstance(event, Unreadable):
        raise ValueError(event.reason)
    return event


def fold_rows(projection: Projection, deliveries: Sequence[Delivery]) -> FoldedRows:
    """The rows of these events. Its errors come from the projection's code."""
    builder = RowBuilder(projection)
    for delivery in deliveries:
        builder.add(read_again(delivery), delivery)
    return builder.folded()


async def write(connection: asyncpg.Connection, folded: FoldedRows, *, copy: bool = False) -> None:
    """Merge the rows and refold the keys that they touch, inside the caller's transaction.

    With `copy`, COPY writes `records` and raises asyncpg.UniqueViolationError if a row exists already.
    """
    # COPY takes half the time of a merge. It is used for many rows that are only ever inserted.
    for table, documents in folded.documents:
        if copy and table.name in folded.records:
            columns, records = table.columns, folded.records[table.name]
            await connection.copy_records_to_table(table.name, schema_name="telnyx", columns=columns, records=records)
        else:
            for document in documents:
                await connection.execute(table.upsert, document)
    refold = folded.projection.refold
    if refold is not None and folded.touched:
        await refold.run(connection, folded.touched)


async def upsert(connection: asyncpg.Connection, table: Table, rows: Sequence[Row]) -> None:
    """Merge rows of a table that belongs to no projection."""
    if rows:
        await connection.execute(table.upsert, table.document(table.fold(rows)))
