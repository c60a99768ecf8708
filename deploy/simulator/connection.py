"""A minimal HTTP/1.1 client: POST on a persistent connection, which returns the whole answer or raises an error."""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httptools

from schemas.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The URL to which webhooks are posted, in parts."""

    host: str
    port: int
    path: str
    tls: bool

    @classmethod
    def parse(cls, url: str) -> "Endpoint":
        """Parse a URL. Without a path it gets the path that ingest serves. Raises Misconfigured."""
        try:
            parts = urlsplit(url)
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            raise Misconfigured([f"--url: expected http://host:port/webhooks/telnyx, found {url}"]) from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Misconfigured([f"--url: expected http://host:port/webhooks/telnyx, found {url}"])
        path = parts.path if parts.path not in ("", "/") else "/webhooks/telnyx"
        return cls(parts.hostname, port, f"{path}?{parts.query}" if parts.query else path, parts.scheme == "https")


@dataclass(slots=True)
class _Answer:
    """Collects the body; httptools calls its methods."""

    body: bytearray = field(default_factory=bytearray)
    complete: bool = False

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete = True


class Connection:
    """One request at a time. Reconnects if the server has closed the connection between two requests."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, body: bytes, headers: Mapping[str, str], timeout_seconds: float) -> tuple[int, bytes]:
        """Return status and body of the answer. Raises OSError, and TimeoutError if it takes too long."""
        reused = self._streams is not None
        try:
            async with asyncio.timeout(timeout_seconds):
                try:
                    return await self._exchange(body, headers)
                except ConnectionError:
                    self.close()
                    if not reused:
                        raise
                    return await self._exchange(body, headers)
        except BaseException:
            self.close()  # a late answer must not be read as the answer to the next request
            raise

    async def _exchange(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        reader, writer = self._streams or await self._open()
        writer.write(self._head(len(body), headers) + body)
        await writer.drain()
        answer = _Answer()
        parser = httptools.HttpResponseParser(answer)
        while not answer.complete:
            chunk = await reader.read(65536)
            if not chunk:
                raise ConnectionResetError("closed before the answer was complete")
            try:
                parser.feed_data(chunk)
            except httptools.HttpParserError as error:
                raise OSError(f"not an HTTP answer: {error}") from None
        if not parser.should_keep_alive():
            self.close()
        return parser.get_status_code(), bytes(answer.body)

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        context = ssl.create_default_context() if self._endpoint.tls else None
        self._streams = await asyncio.open_connection(self._endpoint.host, self._endpoint.port, ssl=context)
        return self._streams

    def _head(self, body_bytes: int, headers: Mapping[str, str]) -> bytes:
        lines = [
            f"POST {self._endpoint.path} HTTP/1.1",
            f"host: {self._endpoint.host}:{self._endpoint.port}",
            "content-type: application/json",
            "user-agent: telnyx-webhooks",
            f"content-length: {body_bytes}",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        return "\r\n".join((*lines, "", "")).encode("latin-1")

    def close(self) -> None:
        """Close without waiting for the other side. Idempotent."""
        if self._streams:
            self._streams[1].close()
            self._streams = None
