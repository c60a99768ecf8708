"""Genuine webhooks with one bit of signature, timestamp or body turned over, over HTTP: not one of them is taken."""

import asyncio
import base64
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from random import Random

from tests.fuzzing.corpus import kept
from tests.fuzzing.endpoint import CONNECTIONS, Broken, Endpoint
from tests.support.webhooks.builders import encode, message_received, message_sent, sign, stop_received

REFUSED = {400, 403}  # 400: the flip made a header no header any more
BODIES = [encode(message_sent()), encode(message_received()), encode(stop_received())]
Signed = tuple[bytes, bytes, bytes]  # signature (64 bytes), timestamp, body


def turned(chance: Random, content: bytes) -> bytes:
    """One bit of it."""
    at = chance.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :]


def request(signature_header: bytes, signed_timestamp: bytes, body: bytes) -> bytes:
    """On a connection that stays."""
    lines = [b"POST /webhooks/telnyx HTTP/1.1", b"host: a", b"content-length: %d" % len(body)]
    lines += [b"telnyx-signature-ed25519: " + signature_header, b"telnyx-timestamp: " + signed_timestamp]
    return b"\r\n".join([*lines, b"", body])


def genuine(signature: bytes, stamp: bytes, body: bytes) -> bytes:
    """As Telnyx sends it."""
    return request(base64.b64encode(signature), stamp, body)


FLIPS: list[Callable[[Random, bytes, bytes, bytes], bytes]] = [
    lambda chance, signature, stamp, body: request(base64.b64encode(turned(chance, signature)), stamp, body),
    lambda chance, signature, stamp, body: request(turned(chance, base64.b64encode(signature)), stamp, body),
    lambda chance, signature, stamp, body: request(base64.b64encode(signature), turned(chance, stamp), body),
    lambda chance, signature, stamp, body: request(base64.b64encode(signature), stamp, turned(chance, body)),
]


def flipped(chance: Random, signed: list[Signed]) -> Iterator[bytes]:
    """Requests, each one bit away from a genuine one. Never ends."""
    while True:
        yield chance.choice(FLIPS)(chance, *chance.choice(signed))


async def refuse_all(endpoint: Endpoint, seed: int, count: int) -> Counter[int]:
    """So many flips of this seed. Gives the answers by status. Raises Broken for one that is not refused."""
    stamp = b"%d" % time.time()
    signed = [(sign(body, stamp.decode()), stamp, body) for body in BODIES]
    waiting = islice(flipped(Random(seed), signed), count)
    statuses: Counter[int] = Counter()

    async def sender() -> None:
        line = Line(endpoint.served.port)
        for content in waiting:
            status = await line.ask(content)
            if status not in REFUSED:
                raise Broken(f"{status} for {kept('requests', content)}")
            statuses[status] += 1
        line.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(sender())
    line = Line(endpoint.served.port)
    assert {await line.ask(genuine(*one)) for one in signed} == {200}  # or nothing was shown
    line.close()
    return statuses


class Line:
    """A connection that is opened again where the answer to the last request ended it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, content: bytes) -> int:
        """The status of the answer."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(content)
        async with asyncio.timeout(20):
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.split(b"content-length: ")[1].split(b"\r")[0])
            await reader.readexactly(length)
        if b"connection: close" in head:
            self.close()
        return int(head[9:12])

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None
