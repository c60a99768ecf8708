"""Posts signed webhooks as Telnyx does, over a persistent connection. Shares no code with the product."""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from nacl.signing import SigningKey

from tests.support.webhooks.builders import KEY, signed_headers

PATH = "/webhooks/telnyx"


@dataclass(frozen=True, slots=True)
class Answer:
    """One response. `seconds` is the time from the first byte sent to the last byte read."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class WebhookConnection:
    """One request at a time. Opened when it is needed, also after an error."""

    def __init__(self, port: int, *, timeout_seconds: float = 5) -> None:
        self._port = port
        self._timeout_seconds = timeout_seconds
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> "WebhookConnection":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def webhook(
        self, body: bytes, *, path: str = PATH, key: SigningKey = KEY, signed_timestamp: int | None = None
    ) -> Answer:
        """Post a genuine webhook, signed now or at the given second."""
        stamp = int(time.time()) if signed_timestamp is None else signed_timestamp
        return await self.request("POST", path, body, signed_headers(body, stamp, key))

    async def request(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        lines = [f"{method} {path} HTTP/1.1", "host: ledger.example.com", f"content-length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        return await self.send("\r\n".join([*lines, "", ""]).encode() + body)

    async def send(self, request: bytes) -> Answer:
        """Return the whole answer. Raises OSError, also after a timeout. Never sends a request twice."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._timeout_seconds):
                reader, writer = await self._opened()
                writer.write(request)
                status, found = _head(await reader.readuntil(b"\r\n\r\n"))
                content = await reader.readexactly(int(found["content-length"]))
        except asyncio.IncompleteReadError:
            self.close()
            raise ConnectionResetError("closed before the answer was whole") from None
        except BaseException:
            self.close()  # an answer that comes later is not the next request's
            raise
        if found.get("connection") == "close":
            self.close()
        return Answer(status, found, content, time.monotonic() - began)

    async def _opened(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        return self._streams

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def _head(raw: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = raw.decode("latin-1").split("\r\n")[:-2]
    pairs = (line.split(": ", 1) for line in lines)
    return int(first.split(" ")[1]), {name.lower(): value for name, value in pairs}


async def post(port: int, body: bytes, **how: Any) -> Answer:
    """Post one webhook on a separate connection."""
    async with WebhookConnection(port) as connection:
        return await connection.webhook(body, **how)
