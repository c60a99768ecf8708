"""Computes the rows of a page of stored events for each projection, while the page before it is written.

Reading bodies and computing rows takes longer than Postgres needs to write them. Nothing is written here.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from projections.engine.event_reader import Page, stored
from projections.engine.fault_isolation import Fault
from projections.engine.projection import Projection, Routing
from projections.engine.row_writer import PartBuilder, ProjectionPart

SLICE = 50  # after so many events other tasks run: the one that writes the page before


@dataclass(frozen=True, slots=True)
class PageRows:
    """The rows of a page up to and including `position`.

    `unreadable` are (stored event type, fault) of bodies that are not events any more.
    """

    position: int
    parts: Sequence[ProjectionPart]
    unreadable: Sequence[tuple[str, Fault]]


async def rows_by_projection(page: Page, projections: Sequence[Projection]) -> PageRows:
    """The rows that each projection makes of a page."""
    parts = PartBuilder(Routing(projections))
    unreadable: list[tuple[str, Fault]] = []
    for number, row in enumerate(page.rows):
        found = stored(row)
        if isinstance(found, Fault):
            unreadable.append((row["event_type"], found))
        else:
            parts.add(*found)
        if number % SLICE == 0:
            await asyncio.sleep(0)
    return PageRows(page.position, parts.parts(), unreadable)
