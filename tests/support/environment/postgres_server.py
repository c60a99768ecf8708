"""A Postgres server that a test may freeze, kill and start again on the same port and data."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from deploy.embedded.postgres import EmbeddedPostgres

# Processes are killed here, never the machine: what was written survives in the page cache, what was not is lost.
SETTINGS = {"fsync": "off", "synchronous_commit": "on", "max_connections": "100"}


class Server:
    """Every method blocks for at most seconds. A coroutine calls start and kill in a thread."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._postgres = EmbeddedPostgres(directory, report=lambda _: None, settings=SETTINGS)
        self.url = ""

    @classmethod
    @asynccontextmanager
    async def started(cls, directory: Path) -> AsyncIterator["Server"]:
        """Run an empty server during the block. It is killed at the end, even if it is frozen."""
        server = cls(directory)
        await asyncio.to_thread(server.start)
        try:
            yield server
        finally:
            await asyncio.to_thread(server.kill)

    def start(self) -> None:
        self.url = self._postgres.start()

    def freeze(self) -> None:
        """Send SIGSTOP to the server and its backends: connections stay open and no query is answered."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """Send SIGKILL to all its processes and wait for their end."""
        self._signal(signal.SIGKILL)
        self._postgres.stop()

    def _signal(self, number: signal.Signals) -> None:
        for pid in self._pids():
            try:
                os.kill(pid, number)
            except ProcessLookupError:  # a backend that has just ended
                continue

    def _pids(self) -> list[int]:
        """Return the process ids, the server first: a stopped server forks no further backend."""
        try:
            server = int((self._directory / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0])
            children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
        except FileNotFoundError:
            return []
        return [server, *map(int, children)]
