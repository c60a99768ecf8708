"""One timer for many futures: each is given up at its deadline unless it is settled."""

import asyncio
from typing import Any

import uvloop

from ingest.durable.deadlines import GIVEN_UP, Deadlines


async def test_each_future_is_given_up_at_its_deadline_in_any_order() -> None:
    loop = asyncio.get_running_loop()
    deadlines, began = Deadlines(), loop.time()
    late, soon = loop.create_future(), loop.create_future()
    deadlines.watch(late, began + 0.2)
    deadlines.watch(soon, began + 0.05)
    assert await soon is GIVEN_UP
    assert 0.04 < loop.time() - began < 0.19
    assert not late.done()
    assert await late is GIVEN_UP
    assert loop.time() - began > 0.19


async def test_a_future_that_was_settled_in_time_keeps_its_value() -> None:
    loop = asyncio.get_running_loop()
    deadlines = Deadlines()
    settled, other = loop.create_future(), loop.create_future()
    deadlines.watch(settled, loop.time() + 0.02)
    deadlines.watch(other, loop.time() + 0.05)
    settled.set_result("acknowledged")
    assert await other is GIVEN_UP
    assert await settled == "acknowledged"


def test_a_deadline_of_now_works_on_uvloop_too() -> None:
    async def watch_three() -> list[Any]:
        loop = asyncio.get_running_loop()
        deadlines, futures = Deadlines(), [loop.create_future() for _ in range(3)]
        for future in futures:
            deadlines.watch(future, loop.time())
        return [await future for future in futures]

    assert uvloop.run(watch_three()) == [GIVEN_UP] * 3
