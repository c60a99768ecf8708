"""Bounded waiting: a condition becomes true in time, or the test fails with the last value."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(
    probe: Callable[[], Awaitable[T]], holds: Callable[[T], bool], *, timeout_seconds: float = 20
) -> T:
    """Return the first answer of `probe` that `holds`, asked every 50 ms. Fails with the last answer."""
    deadline = time.monotonic() + timeout_seconds
    while not holds(seen := await probe()):
        assert time.monotonic() < deadline, f"still {seen!r} after {timeout_seconds} s"
        await asyncio.sleep(0.05)
    return seen


async def until(probe: Callable[[], T], holds: Callable[[T], bool], *, timeout_seconds: float = 20) -> T:
    """`eventually`, for a probe that answers without waiting."""

    async def answer() -> T:
        return probe()

    return await eventually(answer, holds, timeout_seconds=timeout_seconds)
