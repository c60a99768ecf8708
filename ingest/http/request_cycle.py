"""One request and its answer, in place of uvicorn's RequestResponseCycle.

Invariant: no request waits beyond its deadline. An answer that is sent before the body was read ends the connection, so
the rest of the body is never parsed as a request.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog

from ingest.http.uvicorn_internals import STATUS_LINE

DEADLINE = "ledger.deadline"  # in the scope: loop time by which the request must be answered
HEAD = "ledger.head"  # in our own `http.response.start`: status line and headers as sent

log = structlog.get_logger(__name__)


class Connection(Protocol):
    """The part of a connection that a request cycle uses."""

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport

    def close_gracefully(self) -> None:
        """Close the connection after the client has read the answer."""

    def on_response_complete(self) -> None:
        """The answer was written."""


@dataclass(slots=True, eq=False)
class RequestCycle:
    """One request and its answer. Head and body are sent in one write.

    The connection sets `more_body` and `disconnected`, appends to `parts`, and then calls `notify`.
    """

    _connection: Connection
    scope: Any
    keep_alive: bool
    awaits_continue: bool
    parts: list[bytes] = field(default_factory=list)  # the parts of the body that came since the last `receive`
    more_body: bool = True
    disconnected: bool = False
    response_complete: bool = False
    _news: bool = False
    _start: Any = None
    _waiter: asyncio.Future[None] | None = None

    @property
    def response_started(self) -> bool:
        return self._start is not None

    def notify(self) -> None:
        """Wake `receive`: there is more of the body, or the client disconnected, or the deadline passed."""
        self._news = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def run_asgi(self, app: Any) -> None:
        """Run the application. An exception is answered 500, and logged with its traceback."""
        try:
            await app(self.scope, self.receive, self.send)
        except Exception:
            log.exception("request_failed")
            await self._send_500()

    async def receive(self) -> Any:
        """The next ASGI message. At the deadline it is an empty part of the body."""
        connection = self._connection
        if self.awaits_continue and not self.disconnected and not connection.transport.is_closing():
            connection.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.awaits_continue = False  # a request that was refused meanwhile has its answer already
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
        """Send an ASGI message. The application sends one start and one complete body."""
        connection = self._connection
        transport = connection.transport
        if transport.is_closing():
            self.disconnected = True  # connection_lost marks only the last of several pipelined requests
        if self.disconnected:
            return
        if self._start is None:
            self._start = message
            return
        self.response_complete = True
        # An answer before the end of the body makes this the last request of the connection.
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
    """Status line and headers, without the empty line at their end."""
    parts = [STATUS_LINE[status]]
    for name, value in headers:
        parts += (name, b": ", value, b"\r\n")
    return b"".join(parts)
