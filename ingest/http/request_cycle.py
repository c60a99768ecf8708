"""One request and its answer, in place of uvicorn's cycle: one write for an answer, and no wait beyond the deadline.

An answer that is given before the body was read ends the connection, so that the rest is never read as a request.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, Protocol

import structlog

from ingest.http.uvicorn_internals import STATUS_LINE

DEADLINE = "ledger.deadline"  # in the scope: loop time by which the request must be answered
HEAD = "ledger.head"  # in a start of ours: status line and headers as they are sent

log = structlog.get_logger(__name__)


class Connection(Protocol):
    """What an exchange needs of its connection."""

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport

    def close_gracefully(self) -> None:
        """Close so that what was written still arrives."""

    def on_response_complete(self) -> None:
        """The answer was written."""


class RequestCycle:
    """One request and its answer: head and body leave in one write, and waiting for the body ends at the deadline.

    The connection sets `more_body` and `disconnected`, adds to `parts`, and then calls `notify`.
    """

    __slots__ = (
        "_connection",
        "_news",
        "_start",
        "_waiter",
        "awaits_continue",
        "disconnected",
        "keep_alive",
        "more_body",
        "parts",
        "response_complete",
        "scope",
    )

    def __init__(self, connection: Connection, scope: Any, *, keep_alive: bool, awaits_continue: bool) -> None:
        self._connection = connection
        self._news = False
        self._start: Any = None
        self._waiter: asyncio.Future[None] | None = None
        self.scope = scope
        self.keep_alive = keep_alive
        self.awaits_continue = awaits_continue
        self.parts: list[bytes] = []  # of the body, since the last `receive`
        self.more_body = True
        self.disconnected = False
        self.response_complete = False

    @property
    def response_started(self) -> bool:
        """Whether the application has begun to answer."""
        return self._start is not None

    def notify(self) -> None:
        """There is something for `receive`."""
        self._news = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def run_asgi(self, app: Any) -> None:
        """The whole exchange. A bug of ours is answered as one, and its traceback is in the log."""
        try:
            await app(self.scope, self.receive, self.send)
        except Exception:
            log.exception("request_failed")
            await self._send_500()

    async def receive(self) -> Any:
        """ASGI's; when the deadline has passed, an empty part of the body instead of waiting."""
        connection = self._connection
        if self.awaits_continue and not self.disconnected and not connection.transport.is_closing():
            connection.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.awaits_continue = False  # what was refused meanwhile has its answer
        if not self._news:
            await self._wait_for_news()
        self._news = False
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        body, self.parts = b"".join(self.parts), []
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    async def _wait_for_news(self) -> None:
        loop = self._connection.loop
        self._waiter = loop.create_future()
        timer = loop.call_at(self.scope[DEADLINE], self.notify)
        try:
            await self._waiter
        finally:
            timer.cancel()
            self._waiter = None

    async def send(self, message: Any) -> None:
        """Answers are one start and one whole body, which is all that our application sends."""
        connection = self._connection
        transport = connection.transport
        if transport.is_closing():
            self.disconnected = True  # of several requests sent ahead only the last one is told
        if self.disconnected:
            return
        if self._start is None:
            self._start = message
            return
        self.response_complete = True
        # An answer before the end of the body: the rest is not worth reading, so this is the last request here.
        unread = self.more_body
        if unread:
            self.keep_alive = False
        start = self._start
        head = start.get(HEAD) or rendered(start["status"], start["headers"])
        end = b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n"
        transport.write(head + end + (b"" if self.scope["method"] == "HEAD" else message.get("body", b"")))
        self.notify()
        if unread:
            connection.close_gracefully()
        elif not self.keep_alive:
            transport.close()
        connection.on_response_complete()

    async def _send_500(self) -> None:
        if self._start is not None:
            self._connection.transport.close()
            return
        body = b'{"error":"internal"}'
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        self.keep_alive = False
        await self.send({"type": "http.response.start", "status": 500, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})


def rendered(status: int, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Status line and headers, without the empty line that ends them."""
    parts = [STATUS_LINE[status]]
    for name, value in headers:
        parts += (name, b": ", value, b"\r\n")
    return b"".join(parts)
