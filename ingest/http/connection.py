"""The HTTP limits that uvicorn lacks: size and number of headers, time to complete them, bytes of bodies in memory.

Invariant: before a signature is verified, clients can make this process hold only a bounded amount of memory, and each
connection only for a bounded time.
"""

import asyncio
import math
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NoReturn
from urllib.parse import unquote

import httptools

from ingest.http.request_cycle import DEADLINE, RequestCycle
from ingest.http.uvicorn_internals import STATUS_LINE, HttpToolsProtocol
from ingest.metrics import IngestMetrics

SWEEP_SECONDS = 0.25
_JSON = b"content-type: application/json\r\n"


@dataclass(slots=True)
class Limits:
    """The limits of one process, and the bytes that its connections hold together (`buffered`)."""

    metrics: IngestMetrics
    header_bytes: int = 16 * 1024
    headers: int = 100
    header_seconds: float = 5.0
    answer_seconds: float = 1.5
    # Longer than a load balancer keeps an idle connection (usually 60 s), or it would send into a closed one.
    idle_seconds: float = 75.0
    graceful_close_seconds: float = 2.0
    buffered_bytes: int = 32 * 1024 * 1024
    pipelined: int = 32
    buffered: int = 0


def _refusal(status: int, error: bytes) -> bytes:
    body = b'{"error":"%b"}' % error
    head = b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body)
    return STATUS_LINE[status] + _JSON + head + body


# Answers before the application sees a request, by the name of the limit in the metrics.
REFUSED = {
    "headers_too_large": _refusal(431, b"headers_too_large"),
    "bad_request": _refusal(400, b"bad_request"),
    "buffers_full": _refusal(503, b"unavailable"),
}


class LimitedProtocol(HttpToolsProtocol):
    """One connection. The sweep closes it at `closes_at` (loop time), which is set again at every change of state."""

    cycle: Any

    def __init__(self, limits: Limits, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.limits = limits
        self.closes_at = math.inf
        self.closing_gracefully = False
        self.in_headers = False
        self.header_bytes = 0
        self.bytes_without_progress = 0
        self.parser_progressed = False
        self.held_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # The part of the scope that is the same for every request of the connection.
        self.common = {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "scheme": self.scheme or "http",
            "server": self.server,
            "client": self.client,
            "root_path": "",
        }
        self.closes_at = self.loop.time() + self.limits.header_seconds

    def connection_lost(self, exc: Exception | None) -> None:
        self._release()
        self.connections.discard(self)
        if self.cycle is not None:
            self.cycle.disconnected = self.cycle.disconnected or not self.cycle.response_complete
            self.cycle.notify()
        if exc is None:
            self.transport.close()
        self.parser = None  # type: ignore[assignment]  # breaks the reference cycle

    def data_received(self, data: bytes) -> None:
        if self.closing_gracefully:
            return
        self.parser_progressed = False
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._read_without_upgrade(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError:
            if not self.closing_gracefully:
                self.refuse("bad_request")
            return
        # The parser reports a header or trailer only when it is complete, so one that never ends is noticed here.
        self.bytes_without_progress = 0 if self.parser_progressed else self.bytes_without_progress + len(data)
        if self.bytes_without_progress > self.limits.header_bytes:
            self.refuse("headers_too_large")

    # --- callbacks of the parser: an exception in one stops it -------------------------------------------------------

    def on_message_begin(self) -> None:
        self.url = b""
        self.expect_100_continue = False
        self.headers = []
        self.in_headers = self.parser_progressed = True
        self.header_bytes = 0
        self.closes_at = self.loop.time() + self.limits.header_seconds

    def on_url(self, url: bytes) -> None:
        self.url += url
        self.header_bytes += len(url)
        if self.header_bytes > self.limits.header_bytes:
            self._refuse_headers()

    def on_header(self, name: bytes, value: bytes) -> None:
        self.header_bytes += len(name) + len(value)
        if self.header_bytes > self.limits.header_bytes or len(self.headers) >= self.limits.headers:
            self._refuse_headers()
        if not self.in_headers:
            return  # a trailer of a chunked body: signature headers are not taken from there
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def _refuse_headers(self) -> NoReturn:
        self.refuse("headers_too_large")
        raise ValueError("headers_too_large")

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            return  # the parser stops here, and _read_without_upgrade goes on
        self.in_headers = False
        self.closes_at = math.inf
        if len(self.pipeline) >= self.limits.pipelined:
            self.refuse("bad_request")
            raise ValueError("pipelined")
        existing, self.cycle = self.cycle, self._request_cycle()
        if existing is None or existing.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def _request_cycle(self) -> RequestCycle:
        parser = self.parser
        http_version = parser.get_http_version()
        scope = {
            **self.common,
            **_target(self.url),
            "http_version": http_version,
            "method": parser.get_method().decode("ascii"),
            "headers": self.headers,
            DEADLINE: self.loop.time() + self.limits.answer_seconds,
        }
        keep_alive = http_version != "1.0" and parser.should_keep_alive()
        return RequestCycle(self, scope, keep_alive=keep_alive, awaits_continue=self.expect_100_continue)

    def on_body(self, body: bytes) -> None:
        self.parser_progressed = True
        self.held_bytes += len(body)
        self.limits.buffered += len(body)
        if self.limits.buffered > self.limits.buffered_bytes:
            self.refuse("buffers_full")
            raise ValueError("buffers_full")
        cycle = self.cycle
        if not cycle.response_complete:
            cycle.parts.append(body)
            cycle.notify()

    def on_message_complete(self) -> None:
        cycle = self.cycle
        if not self.in_headers and not cycle.response_complete:
            cycle.more_body = False
            cycle.notify()

    def _read_without_upgrade(self, rest: bytes) -> None:
        """Ignore the `upgrade` header, as RFC 9110, 7.8 allows, because the parser would leave the body unread."""
        method = self.parser.get_method()
        if method == b"CONNECT":  # the parser treats it as an upgrade
            self.refuse("bad_request")
            return
        head = [method, b" ", self.url, b" HTTP/1.1\r\n"]
        for name, value in self.headers:
            if name not in (b"upgrade", b"connection"):
                head += (name, b": ", value, b"\r\n")
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(b"".join([*head, b"\r\n", rest]))

    # --- ends --------------------------------------------------------------------------------------------------------

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        self._release()
        if self.transport.is_closing() or self.closing_gracefully:
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle: Any
            cycle, app = self.pipeline.pop()
            cycle.scope[DEADLINE] = self.loop.time() + self.limits.answer_seconds
            self._start_asgi_task(cycle, app)
        elif not self.in_headers:
            self.closes_at = self.loop.time() + self.limits.idle_seconds

    def refuse(self, limit: str) -> None:
        """Reject a request before (or while) the application handles it, and close the connection."""
        self.limits.metrics.limited[limit].inc()
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.notify()
            if self.pipeline or self.in_headers or cycle.response_started or not cycle.more_body:
                # The client would take an answer now for the answer to its previous request.
                self.transport.close()
                return
        self.transport.write(REFUSED[limit])
        self.close_gracefully()

    def close_gracefully(self) -> None:
        """End the connection after the answer, and drop further bytes for up to `graceful_close_seconds`."""
        # Closing at once with unread bytes would reset the connection, and the client might not see the answer.
        self._release()
        self.closing_gracefully = True
        self.closes_at = self.loop.time() + self.limits.graceful_close_seconds
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()

    def shutdown(self) -> None:
        if self.closing_gracefully:
            self.transport.close()
        else:
            super().shutdown()

    def _release(self) -> None:
        self.limits.buffered -= self.held_bytes
        self.held_bytes = 0


@lru_cache(maxsize=64)
def _target(url: bytes) -> dict[str, Any]:
    """The part of a scope about the request target."""
    parsed = httptools.parse_url(url)
    raw_path = parsed.path or b"/"
    path = raw_path.decode("ascii")
    return {
        "path": unquote(path) if "%" in path else path,
        "raw_path": raw_path,
        "query_string": parsed.query or b"",
    }


def sweep(connections: Collection[Any], limits: Limits, now: float) -> None:
    """Close every connection whose `closes_at` has passed by `now` (loop time)."""
    # One pass per quarter of a second costs less than a timer per request.
    for connection in list(connections):
        if connection.closes_at <= now:
            if connection.in_headers:
                limits.metrics.limited["header_timeout"].inc()
            connection.transport.close()
    limits.metrics.buffered_bytes.set(limits.buffered)
    limits.metrics.connections.set(len(connections))
