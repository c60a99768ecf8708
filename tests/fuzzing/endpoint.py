"""A real `ingest` with nothing but its spool, and hostile requests: it never answers 5xx and never stops.

Nothing here is timed. 503 is allowed: it is the right answer if the disk did not store a webhook in time.
"""

import asyncio
import base64
import re
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random

from nacl.exceptions import BadSignatureError

from schemas.kafka.record import unpack
from tests.fuzzing.corpus import save
from tests.fuzzing.requests import Conversation, Conversations
from tests.support.environment.http_sender import WebhookConnection
from tests.support.environment.kafka_mode import Served
from tests.support.environment.programs import Programs, free_port
from tests.support.environment.waiting import eventually
from tests.support.webhooks.builders import KEY, encode, message_sent, public_key_setting

CONNECTIONS = 64
LONGEST_CONVERSATION = 450_000  # bytes; all connections together stay below the 32 MiB of bodies that ingest holds
PATIENCE_SECONDS = 0.3
ANSWERS = {100, 200, 400, 403, 404, 405, 408, 413, 415, 431}
UNAVAILABLE = 503
# Completes most unfinished requests, and asks ingest to close the connection.
CLOSING_REQUEST = b"\r\n\r\nGET /health/live HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
_STATUS = re.compile(rb"HTTP/1\.1 ([0-9]{3}) ")


class HarmfulRequest(AssertionError):
    """A harmful request, saved in the corpus."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A running ingest whose Kafka and Postgres never answer."""

    served: Served
    spool: Path

    @classmethod
    @asynccontextmanager
    async def started(cls, programs: Programs) -> AsyncIterator["Endpoint"]:
        """Runs in the block. At the end it must exit with 0, have logged no exception and hold only signed webhooks."""
        port, away = free_port(), free_port()
        program = programs.start(
            "ingest",
            DATABASE_URL=f"postgresql://nobody@127.0.0.1:{away}/none",
            KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{away}",
            TELNYX_PUBLIC_KEYS=public_key_setting(),
            LEDGER_TIMESTAMP_TOLERANCE_SECONDS="86400",  # one signed time serves a long run
            LEDGER_PORT=str(port),
            LEDGER_SPOOL_DIR="fuzzed-spool",
        )
        await program.prints('"event":"listening"')
        endpoint = cls(Served(program, port), programs.directory / "fuzzed-spool" / "spool.sqlite3")
        yield endpoint
        assert program.process.poll() is None, program.output
        program.process.terminate()
        assert await asyncio.to_thread(program.ends) == 0, program.output
        faults = [line for line in program.output.splitlines() if '"exception"' in line or "Traceback" in line]
        assert faults == [], faults[0]
        assert list(unsigned(endpoint.spool)) == []

    async def assert_works(self) -> None:
        """Fails unless ingest accepts a new good webhook."""
        body = encode(message_sent(f"good-{time.monotonic_ns()}"))

        async def status() -> int:
            async with WebhookConnection(self.served.port, timeout_seconds=20) as connection:
                return (await connection.webhook(body)).status

        await eventually(status, lambda found: found == 200)


def unsigned(spool: Path) -> Iterator[str]:
    """The topics of the spool's entries whose bytes the test's key did not sign."""
    with closing(sqlite3.connect(spool)) as database:
        for (blob,) in database.execute("select blob from pending"):
            record = unpack(blob)
            headers = dict(record.headers)
            signed = headers["telnyx-timestamp"] + b"|" + record.value
            try:
                KEY.verify_key.verify(signed, base64.b64decode(headers["telnyx-signature-ed25519"]))
            except BadSignatureError:
                yield record.topic


async def send_all(endpoint: Endpoint, conversations: Iterable[Conversation]) -> Counter[int]:
    """Each conversation on a new connection, 64 at a time. Gives the answers by status. Raises HarmfulRequest."""
    statuses: Counter[int] = Counter()
    waiting = iter(conversations)

    async def sender() -> None:
        for conversation in waiting:
            received = Counter(await _answers(endpoint.served.port, conversation))
            if not set(received) <= ANSWERS | {UNAVAILABLE}:
                raise HarmfulRequest(f"{received} for {save('requests', b''.join(conversation.pieces))}")
            statuses.update(received)

    async with asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(sender())
    return statuses


async def _answers(port: int, conversation: Conversation) -> list[int]:
    """The statuses of all answers on one connection, until it closes or is silent."""
    received = bytearray()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            for piece in (*conversation.pieces, CLOSING_REQUEST):
                if not writer.is_closing():
                    writer.write(piece)
                    await writer.drain()
            while more := await reader.read(65536):
                received += more
    except (TimeoutError, ConnectionError):
        pass  # ingest waits for the rest of a body, or closed at once
    finally:
        writer.transport.abort()
    return [int(status) for status in _STATUS.findall(received)]


async def fuzz(endpoint: Endpoint, seed: int, count: int, *, at_once: int = 1000) -> Counter[int]:
    """`count` connections of a seed, and a good webhook after every thousand. Raises HarmfulRequest."""
    statuses: Counter[int] = Counter()
    conversations = (
        Conversation([b"".join(conversation.pieces)[:LONGEST_CONVERSATION]])
        if sum(map(len, conversation.pieces)) > LONGEST_CONVERSATION
        else conversation
        for conversation in Conversations(Random(seed), int(time.time()))
    )
    for start in range(0, count, at_once):
        statuses += await send_all(endpoint, islice(conversations, min(at_once, count - start)))
        await endpoint.assert_works()
    return statuses
