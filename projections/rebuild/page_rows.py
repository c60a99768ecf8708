"""A page of stored events turned into rows for each projection, while the page before it is being written.

Reading bodies and computing rows takes longer than Postgres needs to write them; every few events whoever waits for
Postgres runs. Nothing is written here.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from projections.engine.event_reader import Page, stored
from projections.engine.fault_isolation import Fault
from projections.engine.projection import Projection, Routing
from projections.engine.row_writer import PartBuilder, ProjectionPart

SLICE = 50  # events between which others run


@dataclass(frozen=True, slots=True)
class PageRows:
    """A page, up to and including `position`; `unreadable` are no events any more, with the type that they had."""

    position: int
    parts: Sequence[ProjectionPart]
    unreadable: Sequence[tuple[str, Fault]]


async def rows_by_projection(page: Page, projections: Sequence[Projection]) -> PageRows:
    """What each projection makes of a page."""
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
