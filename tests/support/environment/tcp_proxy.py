"""A TCP proxy before a server: a test cuts the connections to the server without touching the server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit


class TcpProxy:
    """Forwards connections to an address. After cut() nothing listens and every connection is closed."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._words: bytes | None = None
        self._delivered = False
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.delay_seconds = 0.0  # before each piece of an answer is passed on
        self.port = 0

    async def open(self) -> None:
        """Listen. After a cut the port is the same."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Close the listener and every connection."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def freeze(self) -> None:
        """Stop forwarding in both directions. Connections stay open, and new ones are accepted."""
        self._flowing.clear()

    def thaw(self) -> None:
        self._flowing.set()

    def break_at(self, words: bytes, *, delivered: bool) -> None:
        """Break the next connection that sends `words`, once, before they arrive or, if `delivered`, after that."""
        self._words, self._delivered = words, delivered

    @property
    def broke(self) -> bool:
        """Return whether the connection was broken."""
        return self._words is None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            there, onward = await asyncio.open_connection(*self._target)
        except (OSError, asyncio.CancelledError):  # the server is unreachable, so this side closes too
            writer.transport.abort()
            return
        answers = asyncio.create_task(self._answers(there, writer))
        ways = {asyncio.create_task(self._requests(reader, onward, there, answers)), answers}
        try:
            # A broken connection has no answers any more, while the request may be on its way.
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            if answers.cancelled():
                await asyncio.wait(ways)
        except asyncio.CancelledError:
            pass  # cut; asyncio reports a connection handler that ends cancelled as an error
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for end in (writer, onward):
                end.transport.abort()

    async def _requests(
        self,
        reader: asyncio.StreamReader,
        onward: asyncio.StreamWriter,
        there: asyncio.StreamReader,
        answers: asyncio.Task[None],
    ) -> None:
        try:
            while chunk := await reader.read(65536):
                await self._flowing.wait()
                broken = self._words is not None and self._words in chunk
                if broken:
                    self._words = None
                    answers.cancel()
                    await asyncio.wait([answers])
                if not broken or self._delivered:
                    onward.write(chunk)
                    await onward.drain()
                if broken:
                    if self._delivered:
                        await there.read(1)  # it was answered
                    return
        except OSError:
            pass  # one end is gone: the other follows

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(65536):
                await self._flowing.wait()
                await asyncio.sleep(self.delay_seconds)
                writer.write(chunk)
                await writer.drain()
        except OSError:
            pass  # one end is gone: the other follows


@asynccontextmanager
async def proxied(url: str) -> AsyncIterator[tuple[TcpProxy, str]]:
    """Yield a proxy before the server of this URL, and the URL through the proxy."""
    parts = urlsplit(url)
    proxy = TcpProxy(parts.hostname or "127.0.0.1", parts.port or 5432)
    await proxy.open()
    login = parts.netloc.rpartition("@")[0]
    try:
        yield proxy, parts._replace(netloc=f"{login}@127.0.0.1:{proxy.port}").geturl()
    finally:
        await proxy.cut()
