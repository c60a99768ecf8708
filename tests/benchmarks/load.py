"""A client in a process of its own: sends prepared requests over keep-alive connections, and counts the answers.

It costs a fraction of what it measures: a slow client leaves the server idle between requests, and the price of falling
asleep and waking up would be booked on the server.
"""

import asyncio
import json
import pickle
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import uvloop


class Connection(asyncio.Protocol):
    """Sends the next request as soon as the last one is answered; ends when there are none left."""

    def __init__(self, requests: Iterator[bytes], answers: "Counter[bytes]", latencies: list[float]) -> None:
        self._requests = requests
        self._answers = answers
        self._latencies = latencies
        self._received = b""
        self._began = 0.0
        self._transport: asyncio.WriteTransport | None = None
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's is one without saying so
        self._next()

    def _next(self) -> None:
        assert self._transport is not None
        request = next(self._requests, None)
        if request is None:
            self._transport.close()
            return
        self._began = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """An answer is whole when its JSON object is: it is short, flat, and the last thing of the response."""
        self._received += data
        if self._received.endswith(b"}"):
            self._latencies.append(time.perf_counter() - self._began)
            head, _, body = self._received.partition(b"\r\n\r\n")
            self._answers[head[9:12] + b" " + body[:60]] += 1
            self._received = b""
            self._next()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- asyncio's signature
        """Closed by us, or by a server that should not have."""
        if not self.ended.done():
            self.ended.set_result(None)


async def send(port: int, requests: list[bytes], connections: int) -> dict[str, object]:
    """Sends every request once, over so many connections at a time. Gives answers by status and latencies in ms."""
    waiting, seen = iter(requests), Counter[bytes]()
    latencies: list[float] = []
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    opened = [
        await loop.create_connection(lambda: Connection(waiting, seen, latencies), "127.0.0.1", port)
        for _ in range(connections)
    ]
    await asyncio.gather(*(connection.ended for _, connection in opened))
    seconds = time.perf_counter() - began
    latencies.sort()
    answers: Counter[str] = Counter()
    for answer, count in seen.items():
        answers[_words(answer)] += count
    return {
        "answers": dict(answers),
        "per_second": len(latencies) / seconds,
        "p50_ms": latencies[len(latencies) // 2] * 1000,
        "p99_ms": latencies[len(latencies) * 99 // 100] * 1000,
    }


def _words(answer: bytes) -> str:
    """`200 accepted`, `403 no_matching_key`: the status and the word that says what became of the request."""
    status, _, body = answer.decode().partition(" ")
    parts = body.split('"')
    return f"{status} {parts[7] if parts[1] == 'error' and len(parts) > 7 else parts[3]}"


if __name__ == "__main__":
    port, connections, file = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    result = uvloop.run(send(port, pickle.loads(file.read_bytes()), connections))
    sys.stdout.write(json.dumps(result))
