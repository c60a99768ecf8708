"""The status line of `dev`: drawn in place on a terminal, printed elsewhere only when it has changed."""

import asyncio
import io

from rich.console import Console

from deploy.progress import show_status


async def shown(*, terminal: bool) -> str:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=80)
    task = asyncio.create_task(show_status(lambda: "received 1", console))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    return stream.getvalue()


async def test_on_a_terminal_the_line_is_drawn_in_place_and_the_last_one_remains() -> None:
    text = await shown(terminal=True)
    assert "\x1b[2K" in text
    assert text.endswith("received 1\n")


async def test_elsewhere_there_is_no_control_character() -> None:
    assert await shown(terminal=False) == "received 1\n"
