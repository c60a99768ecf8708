"""Ctrl-C and SIGTERM end long work in order: the work cleans up, and its caller reports how far it got."""

import asyncio
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(Exception):
    """A signal ended the work."""


async def interruptible(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that SIGINT or SIGTERM cancels. Raises Interrupted once the cancelled work has cleaned up."""
    task = asyncio.ensure_future(work)
    for number in SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    await asyncio.wait([task])
    if task.cancelled():
        raise Interrupted
    return task.result()


@contextmanager
def interruptible_block() -> Iterator[None]:
    """Raise Interrupted inside a block without an event loop at the first SIGINT or SIGTERM; later ones are ignored."""

    def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
        for number in SIGNALS:  # a second Ctrl-C must not disturb the clean-up
            signal.signal(number, signal.SIG_IGN)
        raise Interrupted

    before = {number: signal.signal(number, interrupt) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
