"""A client in a separate process: sends prepared requests over keep-alive connections and counts the answers.

Closed loop: each connection sends its next request after the last answer. Open loop: a request is due at its time
whether or not earlier ones are answered, and its latency counts from then, so waiting is not hidden.

It costs a fraction of the server. A slow client leaves the server idle between requests, and the cost of sleeping and
waking would count as the server's.
"""

import asyncio
import json
import pickle
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import uvloop


class Load:
    """Waiting requests, idle connections and the answers. Times are of time.perf_counter."""

    def __init__(self, requests: Sequence[bytes], per_second: float | None) -> None:
        self._requests = requests
        self._per_second = per_second
        self._sent = 0
        self._due: deque[tuple[float, bytes]] = deque()
        self._idle: deque[LoadConnection] = deque()
        self._loop = asyncio.get_running_loop()
        self.answers: Counter[bytes] = Counter()
        self.latencies: list[float] = []
        self.due_by_key: dict[str, float] = {}
        self.ended: asyncio.Future[None] = self._loop.create_future()

    def begin(self) -> None:
        """Starts to send, once every connection is open."""
        self._began = time.perf_counter()
        if self._per_second is None:
            for connection in list(self._idle):
                self.ready(connection)
        else:
            self._tick()

    def _tick(self) -> None:
        assert self._per_second is not None
        now = time.perf_counter()
        while self._sent < len(self._requests) and (due := self._began + self._sent / self._per_second) <= now:
            self._due.append((due, self._requests[self._sent]))
            self._sent += 1
        while self._due and self._idle:
            self._idle.popleft().send(*self._due.popleft())
        if self._sent < len(self._requests):
            self._loop.call_later(0.001, self._tick)

    def ready(self, connection: "LoadConnection") -> None:
        """Sends the next request on this connection, if there is one."""
        if self._per_second is None and self._sent < len(self._requests):
            connection.send(time.perf_counter(), self._requests[self._sent])
            self._sent += 1
        elif self._due:
            connection.send(*self._due.popleft())
        else:
            self._idle.append(connection)

    def answered(self, due: float, answer: bytes) -> None:
        """Counts an answer."""
        self.latencies.append(time.perf_counter() - due)
        head, _, body = answer.partition(b"\r\n\r\n")
        self.answers[head[9:12] + b" " + body[:60]] += 1
        self.due_by_key[body[-38:-2].decode()] = due
        if len(self.latencies) == len(self._requests):
            self.ended.set_result(None)

    def failed(self) -> None:
        """Fails the run: the server closed a connection."""
        if not self.ended.done():
            self.ended.set_exception(ConnectionError("the server closed a connection"))


class LoadConnection(asyncio.Protocol):
    """One connection, with one request at a time."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._received = b""
        self._due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Adds the connection to the idle ones."""
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop does not declare it
        self._load._idle.append(self)

    def send(self, due: float, request: bytes) -> None:
        """Sends one request."""
        self._due = due
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """An answer is whole when its JSON object is: the object is short, flat and ends the response."""
        self._received += data
        if self._received.endswith(b"}"):
            received, self._received = self._received, b""
            self._load.answered(self._due, received)
            self._load.ready(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- asyncio's signature
        """Closed by us at the end, or by the server by mistake."""
        self._load.failed()


async def send(port: int, requests: list[bytes], connections: int, per_second: float | None) -> dict[str, object]:
    """Sends every request once. Gives answers by status, latencies in ms, and when each event was due."""
    load = Load(requests, per_second)
    loop = asyncio.get_running_loop()
    opened = [
        (await loop.create_connection(lambda: LoadConnection(load), "127.0.0.1", port))[0] for _ in range(connections)
    ]
    began = time.perf_counter()
    load.begin()
    await load.ended
    seconds = time.perf_counter() - began
    for transport in opened:
        transport.close()
    latencies = sorted(load.latencies)
    answers: Counter[str] = Counter()
    for answer, count in load.answers.items():
        answers[_words(answer)] += count
    return {
        "answers": dict(answers),
        "per_second": len(latencies) / seconds,
        **{f"p{name}_ms": latencies[int(len(latencies) * share)] * 1000 for name, share in QUANTILES.items()},
        "due": load.due_by_key,
    }


QUANTILES = {"50": 0.5, "99": 0.99, "999": 0.999}


def _words(answer: bytes) -> str:
    """`200 accepted`, `403 no_matching_key`: the status and the outcome of the request."""
    status, _, body = answer.decode().partition(" ")
    parts = body.split('"')
    return f"{status} {parts[7] if parts[1] == 'error' and len(parts) > 7 else parts[3]}"


if __name__ == "__main__":
    port, connections, rate, file = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4])
    result = uvloop.run(send(port, pickle.loads(file.read_bytes()), connections, rate or None))
    file.write_text(json.dumps(result))  # in place of the requests
