"""A page of stored events turned into rows for each projection, while the page before it is being written.

Reading bodies and computing rows takes longer than Postgres needs to write them; every few events whoever waits for
Postgres runs. Nothing is written here.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from projections.isolation import Fault
from projections.projection import Projection, Routing, Stored
from projections.stored_events import Page, stored
from projections.writing import SLICE, Prepared, prepare


@dataclass(frozen=True, slots=True)
class Part:
    """The events of a page that a projection takes; `prepared` is None where its code failed on one of them."""

    projection: Projection
    events: Sequence[Stored]
    prepared: Prepared | None


@dataclass(frozen=True, slots=True)
class Parts:
    """A page, up to and including `position`; `unreadable` are no events any more, with the type that they had."""

    position: int
    parts: Sequence[Part]
    unreadable: Sequence[tuple[str, Fault]]


async def divided(page: Page, projections: Sequence[Projection]) -> Parts:
    """What each projection makes of a page."""
    events: list[Stored] = []
    unreadable: list[tuple[str, Fault]] = []
    for number, row in enumerate(page.rows):
        found = stored(row)
        if isinstance(found, Fault):
            unreadable.append((row["event_type"], found))
        else:
            events.append(found)
        if number % SLICE == 0:
            await asyncio.sleep(0)
    feeds = Routing(projections).feeds(events)
    parts = [Part(projection, given, await _tried(projection, given)) for projection, given in feeds.items()]
    return Parts(page.position, parts, unreadable)


async def _tried(projection: Projection, events: Sequence[Stored]) -> Prepared | None:
    try:
        return await prepare(projection, events)
    except Exception:  # noqa: BLE001 -- whoever is at fault is found by doing it again, one by one
        return None
