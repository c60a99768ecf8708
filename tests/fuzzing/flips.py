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
from tests.support.environment.http_sender import WebhookConnection
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
        async with WebhookConnection(endpoint.served.port, timeout_seconds=20) as connection:
            for content in waiting:
                status = (await connection.send(content)).status
                if status not in REFUSED:
                    raise HarmfulRequest(f"{status} for {save('requests', content)}")
                statuses[status] += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(sender())
    async with WebhookConnection(endpoint.served.port) as connection:  # unflipped, all are accepted
        assert {(await connection.send(genuine_request(*parts))).status for parts in signed} == {200}
    return statuses
