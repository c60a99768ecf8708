"""A real `ingest` with its spool alone, what strangers say to it, and what it may answer: never a 5xx, never silence.

Nothing here is timed. A 503 is counted apart: it is the right answer where the disk did not take a webhook in time.
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
from tests.fuzzing.corpus import kept
from tests.fuzzing.requests import Talk, Talks
from tests.support.environment.http_sender import WebhookConnection
from tests.support.environment.kafka_mode import Served
from tests.support.environment.programs import Programs, free_port
from tests.support.environment.waiting import eventually
from tests.support.webhooks.builders import KEY, encode, message_sent, public_key_setting

CONNECTIONS = 64
LONGEST_TALK = 450_000  # bytes: all of them together stay below what ingest holds of bodies, 32 MiB
PATIENCE_SECONDS = 0.3
ANSWERS = {100, 200, 400, 403, 404, 405, 408, 413, 415, 431}
UNAVAILABLE = 503
# Ends most of what is half said, and asks for the end of the connection.
FAREWELL = b"\r\n\r\nGET /health/live HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
_STATUS = re.compile(rb"HTTP/1\.1 ([0-9]{3}) ")


class Broken(AssertionError):
    """Something that was said does harm; it is in the corpus now."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A running ingest whose Kafka and Postgres are away for good."""

    served: Served
    spool: Path

    @classmethod
    @asynccontextmanager
    async def started(cls, programs: Programs) -> AsyncIterator["Endpoint"]:
        """During the block. At its end it must end well, have logged no fault, and hold nothing that nobody signed."""
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
        await program.says('"event":"listening"')
        endpoint = cls(Served(program, port), programs.directory / "fuzzed-spool" / "spool.sqlite3")
        yield endpoint
        assert program.process.poll() is None, program.output
        program.process.terminate()
        assert await asyncio.to_thread(program.ends) == 0, program.output
        faults = [line for line in program.output.splitlines() if '"exception"' in line or "Traceback" in line]
        assert faults == [], faults[0]
        assert list(unsigned(endpoint.spool)) == []

    async def works(self) -> None:
        """A good webhook that it has not seen before is taken."""
        body = encode(message_sent(f"good-{time.monotonic_ns()}"))

        async def status() -> int:
            async with WebhookConnection(self.served.port, timeout_seconds=20) as connection:
                return (await connection.webhook(body)).status

        await eventually(status, lambda found: found == 200)


def unsigned(spool: Path) -> Iterator[str]:
    """The topic of every entry of a spool that is not exactly what the test's key signed."""
    with closing(sqlite3.connect(spool)) as database:
        for (blob,) in database.execute("select blob from pending"):
            record = unpack(blob)
            headers = dict(record.headers)
            signed = headers["telnyx-timestamp"] + b"|" + record.value
            try:
                KEY.verify_key.verify(signed, base64.b64decode(headers["telnyx-signature-ed25519"]))
            except BadSignatureError:
                yield record.topic


async def say(endpoint: Endpoint, talks: Iterable[Talk]) -> Counter[int]:
    """Everything on connections of its own, several at a time. Gives the answers by status. Raises Broken."""
    statuses: Counter[int] = Counter()
    waiting = iter(talks)

    async def speaker() -> None:
        for talk in waiting:
            heard = Counter(await _heard(endpoint.served.port, talk))
            if not set(heard) <= ANSWERS | {UNAVAILABLE}:
                raise Broken(f"{heard} for {kept('requests', b''.join(talk.pieces))}")
            statuses.update(heard)

    async with asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(speaker())
    return statuses


async def _heard(port: int, talk: Talk) -> list[int]:
    """The statuses of all answers on one connection, until it ends or nothing more is to come."""
    heard = bytearray()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            for piece in (*talk.pieces, FAREWELL):
                if not writer.is_closing():
                    writer.write(piece)
                    await writer.drain()
            while more := await reader.read(65536):
                heard += more
    except (TimeoutError, ConnectionError):
        pass  # it waits for a body that does not come, or closed at once
    finally:
        writer.transport.abort()
    return [int(status) for status in _STATUS.findall(heard)]


async def fuzz(endpoint: Endpoint, seed: int, count: int, *, at_once: int = 1000) -> Counter[int]:
    """So many connections of this seed, and a good webhook after every thousand. Raises Broken."""
    statuses: Counter[int] = Counter()
    talks = (
        Talk([b"".join(talk.pieces)[:LONGEST_TALK]]) if sum(map(len, talk.pieces)) > LONGEST_TALK else talk
        for talk in Talks(Random(seed), int(time.time()))
    )
    for start in range(0, count, at_once):
        statuses += await say(endpoint, islice(talks, min(at_once, count - start)))
        await endpoint.works()
    return statuses
