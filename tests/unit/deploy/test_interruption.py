"""A signal ends long work in order: the work cleans up, and its caller gets Interrupted."""

import asyncio
import os
import signal

import pytest

from deploy.interruption import SIGNALS, Interrupted, interruptible, interruptible_block


@pytest.mark.parametrize("number", SIGNALS)
def test_a_coroutine_is_cancelled_and_cleans_up(number: signal.Signals) -> None:
    steps = []

    async def work() -> None:
        os.kill(os.getpid(), number)
        try:
            await asyncio.sleep(60)
        finally:
            steps.append("cleaned up")

    with pytest.raises(Interrupted):
        asyncio.run(interruptible(work()))
    assert steps == ["cleaned up"]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_block_is_left_at_the_first_signal_and_later_ones_are_ignored(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    steps = []

    def work() -> None:
        try:
            os.kill(os.getpid(), number)
            signal.pause()
        finally:
            os.kill(os.getpid(), number)
            steps.append("cleaned up")

    with pytest.raises(Interrupted), interruptible_block():
        work()
    assert steps == ["cleaned up"]
    assert signal.getsignal(number) == before


def test_an_error_and_a_result_pass_through() -> None:
    async def divided(number: int) -> float:
        return 1 / number

    assert asyncio.run(interruptible(divided(2))) == 0.5
    with pytest.raises(ZeroDivisionError):
        asyncio.run(interruptible(divided(0)))
