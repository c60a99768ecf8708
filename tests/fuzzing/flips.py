"""Webhooks with one flipped bit of signature, timestamp or body, over HTTP: ingest refuses every one."""

import asyncio
import base64
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from random import Random

from tests.fuzzing.corpus import save
from tests.fuzzing.endpoint import CONNECTIONS, Endpoint, HarmfulRequest
from tests.support.webhooks.builders import encode, message_received, message_sent, sign, stop_received

REFUSED = {400, 403}  # 400: the flip broke a header
BODIES = [encode(message_sent()), encode(message_received()), encode(stop_received())]
Signed = tuple[bytes, bytes, bytes]  # signature (64 bytes), timestamp, body


def flip_bit(chance: Random, content: bytes) -> bytes:
    """The content with one bit flipped."""
    at = chance.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :]


def request(signature_header: bytes, signed_timestamp: bytes, body: bytes) -> bytes:
    """A request on a keep-alive connection."""
    lines = [b"POST /webhooks/telnyx HTTP/1.1", b"host: a", b"content-length: %d" % len(body)]
    lines += [b"telnyx-signature-ed25519: " + signature_header, b"telnyx-timestamp: " + signed_timestamp]
    return b"\r\n".join([*lines, b"", body])


def genuine_request(signature: bytes, stamp: bytes, body: bytes) -> bytes:
    """The request as Telnyx sends it."""
    return request(base64.b64encode(signature), stamp, body)


FLIPS: list[Callable[[Random, bytes, bytes, bytes], bytes]] = [
    lambda chance, signature, stamp, body: request(base64.b64encode(flip_bit(chance, signature)), stamp, body),
    lambda chance, signature, stamp, body: request(flip_bit(chance, base64.b64encode(signature)), stamp, body),
    lambda chance, signature, stamp, body: request(base64.b64encode(signature), flip_bit(chance, stamp), body),
    lambda chance, signature, stamp, body: request(base64.b64encode(signature), stamp, flip_bit(chance, body)),
]


def flipped_requests(chance: Random, signed: list[Signed]) -> Iterator[bytes]:
    """An endless stream of requests, each one bit away from a genuine one."""
    while True:
        yield chance.choice(FLIPS)(chance, *chance.choice(signed))


async def assert_all_refused(endpoint: Endpoint, seed: int, count: int) -> Counter[int]:
    """`count` flips of a seed. Gives the answers by status. Raises HarmfulRequest for one that is not refused."""
    stamp = b"%d" % time.time()
    signed = [(sign(body, stamp.decode()), stamp, body) for body in BODIES]
    waiting = islice(flipped_requests(Random(seed), signed), count)
    statuses: Counter[int] = Counter()

    async def sender() -> None:
        connection = ReopenedConnection(endpoint.served.port)
        for content in waiting:
            status = await connection.ask(content)
            if status not in REFUSED:
                raise HarmfulRequest(f"{status} for {save('requests', content)}")
            statuses[status] += 1
        connection.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(sender())
    connection = ReopenedConnection(endpoint.served.port)
    assert {await connection.ask(genuine_request(*parts)) for parts in signed} == {200}  # unflipped, all are accepted
    connection.close()
    return statuses


class ReopenedConnection:
    """A connection that opens again after an answer that closed it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, content: bytes) -> int:
        """Sends a request; gives the status of the answer."""
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
