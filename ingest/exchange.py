"""One request and its answer, in place of uvicorn's cycle: one write for an answer, and no wait beyond the deadline.

An answer that is given before the body was read ends the connection, so that the rest is never read as a request.
"""

import asyncio
from typing import Any, Protocol

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

DEADLINE = "ledger.deadline"  # in the scope: loop time by which the request must be answered


class Lingering(Protocol):
    """The connection, as far as an exchange needs it."""

    loop: asyncio.AbstractEventLoop

    def linger(self) -> None:
        """Close so that what was written still arrives."""


class Exchange(RequestResponseCycle):
    """One request and its answer: head and body leave in one write, and waiting for the body ends at the deadline."""

    scope: Any

    def __init__(self, connection: Lingering, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.connection = connection
        self.deadline: float = self.scope[DEADLINE]
        self.start: Any = None

    async def receive(self) -> Any:
        """As uvicorn's; when the deadline has passed, an empty part of the body instead of waiting."""
        if self.disconnected:
            self.waiting_for_100_continue = False  # what was refused meanwhile has its answer
        if not self.message_event.is_set():
            timer = self.connection.loop.call_at(self.deadline, self.message_event.set)
            try:
                return await super().receive()
            finally:
                timer.cancel()
        return await super().receive()

    async def send(self, message: Any) -> None:
        """Answers are one start and one whole body, which is all that our application sends."""
        if self.transport.is_closing():
            self.disconnected = True  # of several requests sent ahead uvicorn tells only the last one
        if self.disconnected:
            return
        if self.start is None:
            self.start = message
            self.response_started = True
            return
        self.response_complete = True
        # An answer before the end of the body: the rest is not worth reading, so this is the last request here.
        unread = self.more_body
        if unread:
            self.keep_alive = False
        self.transport.write(self._rendered(self.start, message.get("body", b"")))
        self.message_event.set()
        if unread:
            self.connection.linger()
        elif not self.keep_alive:
            self.transport.close()
        self.on_response()

    def _rendered(self, start: Any, body: bytes) -> bytes:
        parts = [STATUS_LINE[start["status"]]]
        for name, value in start["headers"]:
            parts += (name, b": ", value, b"\r\n")
        parts.append(b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n")
        if self.scope["method"] != "HEAD":
            parts.append(body)
        return b"".join(parts)

    async def send_500_response(self) -> None:
        """A bug of ours: JSON like every other answer; the traceback is in the log."""
        body = b'{"error":"internal"}'
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        self.start, self.keep_alive = None, False
        await self.send({"type": "http.response.start", "status": 500, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})
