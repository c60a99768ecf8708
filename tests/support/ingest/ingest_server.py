"""Ingest on a real socket with fakes behind it, and a client that can send HTTP byte by byte."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from ingest.admission.dedupe import StoredEvents
from ingest.http.connection import Limits
from ingest.http.listener import bind_all
from ingest.metrics import IngestMetrics
from ingest.server import Parts, Receiver, receive
from ingest.settings import ReceiveSettings
from schemas.kafka.topics import Topics
from schemas.reading.event import Event, read
from tests.support.ingest.fakes import FakeDurable, FakeStore
from tests.support.webhooks.builders import encode, message_finalized, public_key_setting, signed_headers

NOW = 1_772_366_400  # the clock of the tests: builders.NOON
PATH = "/webhooks/telnyx"
BODY = encode(message_finalized())


@dataclass(slots=True)
class Reply:
    """One response."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class RawConnection:
    """A TCP connection to ingest."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, *parts: bytes) -> None:
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()

    async def reply(self, *, head_only: bool = False) -> Reply:
        """The next response. Fails after four seconds."""
        async with asyncio.timeout(4):
            head = await self.reader.readuntil(b"\r\n\r\n")
            status, *lines = head.decode().split("\r\n")[:-2]
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
            length = 0 if head_only else int(headers["content-length"])
            return Reply(int(status.split(" ")[1]), headers, await self.reader.readexactly(length))

    async def closed(self, seconds: float = 4) -> bool:
        """Whether the server ends the connection in time, without anything more to read."""
        async with asyncio.timeout(seconds):
            try:
                return await self.reader.read() == b""
            except ConnectionResetError:
                return True


class RunningIngest:
    """A running ingest, its fakes and its clock."""

    def __init__(self, receiver: Receiver, settings: ReceiveSettings, durable: FakeDurable, store: FakeStore) -> None:
        self.receiver = receiver
        self.settings = settings
        self.durable = durable
        self.store = store
        self.metrics: IngestMetrics
        self.now = float(NOW)

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[RawConnection]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.receiver.port)
        try:
            yield RawConnection(reader, writer)
        finally:
            writer.close()

    async def ask(self, request: bytes, *, head_only: bool = False) -> Reply:
        """Send one request on a new connection."""
        async with self.connect() as connection:
            await connection.send(request)
            return await connection.reply(head_only=head_only)

    async def post(self, body: bytes, *, path: str = PATH, at: int = NOW, **headers: str) -> Reply:
        """A genuine webhook, signed at `at`."""
        return await self.ask(request(body, signed_headers(body, at) | headers, path=path))

    def count(self, outcome: str) -> float:
        """How many requests had this outcome."""
        return self.metrics.registry.get_sample_value("ledger_webhooks_total", {"outcome": outcome}) or 0.0


def request(body: bytes, headers: dict[str, str], *, path: str = PATH, method: str = "POST") -> bytes:
    """The bytes of a request with a Content-Length."""
    head = [f"{method} {path} HTTP/1.1", "host: ledger.example.com", f"content-length: {len(body)}"]
    return "\r\n".join([*head, *(f"{name}: {value}" for name, value in headers.items()), "", ""]).encode() + body


def key_of(body: bytes) -> str:
    event = read(body)
    assert isinstance(event, Event)
    return event.key


def settings(**given: Any) -> ReceiveSettings:
    """Settings of a test: a free port, the test key."""
    defaults: dict[str, Any] = {
        "telnyx_public_keys": public_key_setting(),
        "database_url": "postgresql://nobody@127.0.0.1:9/none",
        "ledger_port": 0,
    }
    return ReceiveSettings(**(defaults | given))


@asynccontextmanager
async def running(
    *,
    durable: FakeDurable | None = None,
    event_store: StoredEvents | None = None,
    metrics: IngestMetrics | None = None,
    limits: dict[str, Any] | None = None,
    **given: Any,
) -> AsyncIterator[RunningIngest]:
    """A listening ingest, with fakes for the parts that are not given."""
    chosen = settings(**given)
    metrics = metrics or IngestMetrics()
    durable, store = durable or FakeDurable(), FakeStore()
    sockets = bind_all(chosen.ledger_host, chosen.ledger_port, chosen.ledger_admin_port)
    ingest: RunningIngest

    def clock() -> float:
        return ingest.now

    async with receive(
        chosen,
        Parts(durable, event_store or store, Topics(), metrics),
        sockets=sockets,
        limits=Limits(metrics, **(limits or {})),
        clock=clock,
    ) as receiver:
        ingest = RunningIngest(receiver, chosen, durable, store)
        ingest.metrics = metrics
        yield ingest
