"""The catalogue of faults: name, side and injection of each. To add one, write a function and decorate it.

A fault ends with all parts running again; the harness then waits for recovery. Faults of the ingest side (ingest and
its connection to Kafka) and of the projector side (projectors and Postgres) may happen at the same time.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

from tests.faults.cluster.cluster import Cluster, counts, wait_long_for
from tests.support.environment.waiting import eventually

Side = Literal["ingest", "projector", "both"]


@dataclass(frozen=True, slots=True)
class Fault:
    """`long`: too long for `make test`. `ends`: it ends an ingest or a projector, which another process replaces."""

    name: str
    side: Side
    long: bool
    ends: bool
    inject: Callable[[Cluster], Awaitable[None]]


FAULTS: dict[str, Fault] = {}


def fault(
    name: str, side: Side, *, long: bool = False, ends: bool = False
) -> Callable[[Callable[[Cluster], Awaitable[None]]], Callable[[Cluster], Awaitable[None]]]:
    """Registers a function as the fault of this name."""

    def register(inject: Callable[[Cluster], Awaitable[None]]) -> Callable[[Cluster], Awaitable[None]]:
        assert name not in FAULTS
        FAULTS[name] = Fault(name, side, long, ends, inject)
        return inject

    return register


def once(chance: random.Random, *, long: bool = False) -> list[list[str]]:
    """Every fault once, in turns of one or two."""
    names = {
        side: [fault.name for fault in FAULTS.values() if fault.side == side and long >= fault.long] for side in SIDES
    }
    for each in names.values():
        chance.shuffle(each)
    turns = [[name] for name in names["both"]]
    turns += [[name for name in pair if name] for pair in zip_longest(names["ingest"], names["projector"])]
    chance.shuffle(turns)
    return turns


def plan(seed: int, *, long: bool = False) -> Iterator[list[str]]:
    """An endless plan that follows from the seed; it begins with `once`."""
    assert FAULTS, "no fault is registered"
    chance = random.Random(seed)
    while True:
        yield from once(chance, long=long)


SIDES: tuple[Side, ...] = ("ingest", "projector", "both")


async def hold(seconds: float) -> None:
    """Keeps a fault up: its length is part of the fault. This is not a wait for a condition."""
    await asyncio.sleep(seconds)


async def wait_until_spooled(cluster: Cluster, count: int) -> None:
    """Waits until so many more webhooks were answered 2xx and lie in the spool."""
    before = (await counts(cluster.ingest)).spooled
    await wait_long_for(
        lambda: counts(cluster.ingest), lambda now: now.spooled >= before + count and now.waiting >= count
    )


async def wait_until_ready(cluster: Cluster) -> None:
    """Waits until ingest is ready: it can store events."""
    await eventually(cluster.ingest.ready, lambda status: status == 200)
