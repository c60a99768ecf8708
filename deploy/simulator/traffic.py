"""Interleaves stories into an endless stream. The same seed and clock give the same webhooks, byte for byte."""

import heapq
import itertools
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random

from deploy.simulator.stories import (
    channels,
    groups,
    hosted_numbers,
    link_clicks,
    messages,
    odd,
    spend_limits,
    ten_dlc,
    toll_free,
)
from deploy.simulator.stories.messages import Stories, Story
from deploy.simulator.webhook import STORED, Webhook
from deploy.simulator.world import World

# The stories of each family, as (story, weight). Add the module of a new family here.
# Their order decides the webhooks of a seed.
ACCOUNT = link_clicks.STORIES + hosted_numbers.STORIES + toll_free.STORIES + spend_limits.STORIES
FAMILIES = messages.STORIES + groups.STORIES + channels.STORIES + ACCOUNT + ten_dlc.STORIES
ODD = odd.STORIES
REDELIVERED = 0.05
SEEDED_ORIGIN = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
SEEDED_STEP = timedelta(milliseconds=200)


def seeded_clock() -> Callable[[], datetime]:
    """Return a clock that is the same in every run and advances by a fifth of a second at each reading."""
    readings = itertools.count()
    return lambda: SEEDED_ORIGIN + SEEDED_STEP * next(readings)


def wall_clock() -> datetime:
    return datetime.now(UTC)


def traffic(seed: int, clock: Callable[[], datetime], *, chaos: bool = False) -> Iterator[Webhook]:
    """Yield webhooks without end. Among them is the registration of the campaigns that the messages belong to."""
    world = World(Random(seed), clock)  # noqa: S311 - repeatable on purpose
    return interleaved(world, FAMILIES + ODD if chaos else FAMILIES, ten_dlc.opening(world))


def interleaved(world: World, stories: Stories, begun: Iterable[Story] = ()) -> Iterator[Webhook]:
    """Yield webhooks without end, of stories chosen by their weights and of those that have begun.

    A story that pauses for n continues after n webhooks, before a new story begins.
    """
    order = itertools.count()  # stories that are due together continue in the order in which they paused
    paused: list[tuple[int, int, Story]] = [(0, next(order), story) for story in begun]
    sent = 0
    while True:
        due = bool(paused) and paused[0][0] <= sent
        story = heapq.heappop(paused)[2] if due else world.pick(stories)(world)
        step = next(story, None)
        if isinstance(step, int):
            heapq.heappush(paused, (sent + step, next(order), story))
        elif step is not None:
            sent += 1
            heapq.heappush(paused, (sent, next(order), story))
            if step.expected is STORED and world.chance(REDELIVERED):
                heapq.heappush(paused, (sent + world.rng.randint(0, 25), next(order), iter([step.again()])))
            yield step
