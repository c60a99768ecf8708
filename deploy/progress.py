"""The progress of long work: a bar on a terminal, and the status line of `dev`."""

import asyncio
import sys
from collections.abc import Callable
from typing import TextIO, cast

from rich.console import Console
from rich.file_proxy import FileProxy
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

TERMINAL_SECONDS = 0.2
ELSEWHERE_SECONDS = 5.0


def progress_bar(*more: TextColumn) -> Progress:
    """Return a bar, a context manager, with `more` columns. It is on stderr, because stdout is for the result."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        *more,
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
        transient=True,
    )


class StatusConsole(Console):
    """A console on stdout. Nothing ends because its reader has gone; rich's own console ends the program."""

    def on_broken_pipe(self) -> None:
        """Print nothing any more."""
        self.quiet = True


async def show_status(line: Callable[[], str], console: Console) -> None:
    """Show a status line until cancelled: in place on a terminal, elsewhere a new line each time it has changed."""
    shown = ""

    def show(text: str) -> None:
        try:
            console.print(text, soft_wrap=True, highlight=False)
        except OSError:  # the disk of a redirected stdout is full
            console.quiet = True

    try:
        if console.is_terminal:
            with console.status(line()) as status:
                while True:
                    status.update(line())
                    await asyncio.sleep(TERMINAL_SECONDS)
        while True:
            if line() != shown:
                shown = line()
                show(shown)
            await asyncio.sleep(ELSEWHERE_SECONDS)
    finally:
        if line() != shown:
            show(line())


def stderr_above(console: Console) -> TextIO | None:
    """Return a stream like stderr, or None if it is closed. On a terminal its lines appear above the status line."""
    if sys.stderr is not None and console.is_terminal and sys.stderr.isatty():
        return cast("TextIO", FileProxy(console, sys.stderr))
    return sys.stderr
