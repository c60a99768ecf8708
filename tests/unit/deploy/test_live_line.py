"""The line that says how far things are: drawn over on a terminal, told again elsewhere only when it changed."""

import asyncio
import io

from deploy.embedded.live_line import CLEAR, Above, show


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


async def shown_by(stream: io.StringIO) -> str:
    task = asyncio.create_task(show(lambda: "received 1", stream))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    return stream.getvalue()


async def test_on_a_terminal_the_line_is_drawn_in_place_and_ends_with_a_new_line() -> None:
    assert await shown_by(Terminal()) == f"{CLEAR}received 1{CLEAR}received 1\n"


async def test_elsewhere_there_is_no_control_character() -> None:
    assert await shown_by(io.StringIO()) == "received 1\n"


def test_what_is_logged_in_between_takes_the_place_of_the_line() -> None:
    terminal = Terminal()
    Above(terminal).write("a log line\n")
    assert terminal.getvalue() == f"{CLEAR}a log line\n"
