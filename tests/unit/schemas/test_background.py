"""Work that runs while a block runs."""

import asyncio

import pytest

from schemas.background import background


async def test_work_is_cancelled_when_the_block_ends() -> None:
    stop, cancelled = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with background(stop, work()):
        await asyncio.sleep(0)
    assert cancelled.is_set()


async def test_work_that_fails_sets_stop_and_its_error_is_raised_after_the_block() -> None:
    async def work() -> None:
        raise ValueError("a bug")

    async def block(stop: asyncio.Event) -> None:
        async with background(stop, work(), asyncio.sleep(60)):
            await asyncio.wait_for(stop.wait(), 5)
            ended.set()

    ended = asyncio.Event()
    with pytest.raises(ValueError, match="a bug"):
        await block(asyncio.Event())
    assert ended.is_set()
