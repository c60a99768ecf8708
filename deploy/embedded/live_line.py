"""The line at the bottom of a terminal that says how far things are; elsewhere a new line every few seconds."""

import asyncio
import sys
from collections.abc import Callable
from typing import TextIO

TERMINAL_SECONDS = 0.2
ELSEWHERE_SECONDS = 5.0
CLEAR = "\r\x1b[2K"


class Above:
    """A stream whose lines appear above the live line: it wipes that line first, and the next tick draws it again."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(CLEAR + text)

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()


async def show(line: Callable[[], str], stream: TextIO = sys.stdout) -> None:
    """Until cancelled."""
    terminal = stream.isatty()
    shown = ""
    try:
        while True:
            if terminal:
                print(CLEAR + line(), end="", file=stream, flush=True)
            elif line() != shown:
                print(line(), file=stream, flush=True)
            shown = line()
            await asyncio.sleep(TERMINAL_SECONDS if terminal else ELSEWHERE_SECONDS)
    finally:
        if terminal or line() != shown:
            print(CLEAR + line() if terminal else line(), file=stream, flush=True)
