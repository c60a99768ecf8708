"""One projection's part of a batch: rows computed outside the transaction, written inside it in one fixed way."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from projections.projection import Projection, Stored
from projections.table import Row, Table

SLICE = 50  # events between which others run


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a projection will write: each table's folded rows as a document, and the things to refold, sorted."""

    projection: Projection
    documents: Sequence[tuple[Table, str]]
    touched: Sequence[tuple[Any, ...]]


async def prepare(projection: Projection, events: Sequence[Stored]) -> Prepared:
    """Computes the rows of these events. Whatever it raises is a fault in the projection's code."""
    given: dict[str, list[Row]] = {table.name: [] for table in projection.tables}
    for start in range(0, len(events), SLICE):
        for event, delivery in events[start : start + SLICE]:
            for table, row in projection.rows(event, delivery):
                given[table.name].append(row)
        await asyncio.sleep(0)
    touched: set[tuple[Any, ...]] = set()
    if projection.refold is not None:
        names = projection.refold.touched
        touched = {tuple([row[name] for name in names]) for row in given[projection.refold.facts.name]}
    written = [table for table in projection.tables if given[table.name]]
    documents = [(table, table.document(table.fold(given[table.name]))) for table in written]
    return Prepared(projection, documents, sorted(touched, key=lambda row: [(name is not None, name) for name in row]))


async def write(connection: asyncpg.Connection, prepared: Prepared) -> None:
    """Merges the rows and refolds what they touch, inside the caller's transaction."""
    for table, document in prepared.documents:
        await connection.execute(table.upsert, document)
    refold = prepared.projection.refold
    if refold is not None and prepared.touched:
        await refold.run(connection, prepared.touched)


async def upsert(connection: asyncpg.Connection, table: Table, rows: Sequence[Row]) -> None:
    """Merges rows that belong to no projection."""
    if rows:
        await connection.execute(table.upsert, table.document(table.fold(rows)))
