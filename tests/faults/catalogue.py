"""Every fault, as data: its name, what it touches, and what is done to a site. To add one, write and decorate it.

A fault ends with all parts running again; that everything then recovers by itself is for the harness to see. Faults of
the front (ingest and its way to Kafka) and of the back (projectors and Postgres) may happen at the same time.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

from tests.faults.cluster.cluster import Site, patiently, way
from tests.support.environment.waiting import eventually

Side = Literal["front", "back", "both"]


@dataclass(frozen=True, slots=True)
class Fault:
    """`long`: takes too long for `make test`. `ends`: an ingest or a projector, so that another one takes its place."""

    name: str
    side: Side
    long: bool
    ends: bool
    inject: Callable[[Site], Awaitable[None]]


FAULTS: dict[str, Fault] = {}


def fault(
    name: str, side: Side, *, long: bool = False, ends: bool = False
) -> Callable[[Callable[[Site], Awaitable[None]]], Callable[[Site], Awaitable[None]]]:
    """Enter a function as the fault of this name."""

    def enter(inject: Callable[[Site], Awaitable[None]]) -> Callable[[Site], Awaitable[None]]:
        assert name not in FAULTS
        FAULTS[name] = Fault(name, side, long, ends, inject)
        return inject

    return enter


def once(chance: random.Random, *, long: bool = False) -> list[list[str]]:
    """Every fault once, in turns of one or of a pair."""
    names = {side: [one.name for one in FAULTS.values() if one.side == side and long >= one.long] for side in SIDES}
    for each in names.values():
        chance.shuffle(each)
    turns = [[name] for name in names["both"]]
    turns += [[name for name in pair if name] for pair in zip_longest(names["front"], names["back"])]
    chance.shuffle(turns)
    return turns


def plan(seed: int, *, long: bool = False) -> Iterator[list[str]]:
    """Turns that follow from the seed, for as long as anybody asks; the first ones are `once`."""
    chance = random.Random(seed)
    while True:
        yield from once(chance, long=long)


SIDES: tuple[Side, ...] = ("front", "back", "both")


async def lasts(seconds: float) -> None:
    """How long a fault lasts is part of what it is; nothing is waited for here."""
    await asyncio.sleep(seconds)


async def spooled(site: Site, count: int) -> None:
    """So many webhooks were answered 2xx out of the spool since now, and wait there."""
    before = (await way(site.ingest)).spooled
    await patiently(lambda: way(site.ingest), lambda now: now.spooled >= before + count and now.waiting >= count)


async def is_ready(site: Site) -> None:
    """Ingest says that it can keep a promise."""
    await eventually(site.ingest.ready, lambda status: status == 200)
