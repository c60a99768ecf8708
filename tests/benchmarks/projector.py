"""The projector in units of COPY of the same bodies: in the same batches, each committed, and in one COPY of all.

COPY goes into an empty table with the columns, constraints and indexes of `events`. A commit waits for the disk,
which on some machines costs as much as the rows of a batch, so both figures are reported.
"""

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import asyncpg

from projections.engine.batch import Incoming, PreparedBatch
from projections.engine.projector import Projector
from projections.registry import PROJECTIONS
from schemas import gc_tuning
from schemas.kafka.record import Delivery, event_record
from schemas.kafka.topics import Topics
from schemas.reading.event import Event, read
from schemas.reading.signing import KeyRing, parse_keys
from tests.benchmarks.load.environment import ROUNDS, Figures
from tests.benchmarks.load.requests import Signed, traffic
from tests.support.webhooks import builders

COUNT = 15_000
COLUMNS = (
    "event_key", "event_id", "account", "event_type", "retention_class", "occurred_at", "received_at", "body",
    "signature", "signed_timestamp", "key_id",
)  # fmt: skip


def deliveries(items: Sequence[Signed]) -> list[tuple[Event, Delivery]]:
    """The deliveries of these requests, as ingest publishes them."""
    now, key_id = datetime.now(UTC), builders.key_id()
    found = []
    for item in items:
        event = read(item.body)
        assert isinstance(event, Event)
        found.append((event, Delivery(item.body, item.signature, item.timestamp, key_id, builders.ACCOUNT, now)))
    return found


async def copy_rate(connection: asyncpg.Connection, events: Sequence[tuple[Event, Delivery]], batch: int) -> float:
    """Events per second by COPY in transactions of `batch` rows."""
    await connection.execute(
        "drop table if exists copied; create table copied (like telnyx.events including all excluding comments)"
    )
    rows = [
        (uuid.UUID(event.key), event.id, given.account, event.type, event.retention_class, event.occurred_at,
         given.received_at, given.body, given.signature, given.signed_timestamp, given.key_id)
        for event, given in events
    ]  # fmt: skip
    began = time.perf_counter()
    for start in range(0, len(rows), batch):
        await connection.copy_records_to_table("copied", records=rows[start : start + batch], columns=COLUMNS)
    return len(rows) / (time.perf_counter() - began)


async def apply_rate(url: str, incoming: Sequence[Incoming], *, batch: int, verify: bool) -> float:
    """Events per second through the projector, read ahead as far as `project` does (GroupMembership._read)."""
    ring = KeyRing(parse_keys([builders.public_key_setting()]))
    projector = Projector(url, keys=ring, verify=verify, owner="benchmark", projections=PROJECTIONS)
    await projector.connect()
    gc_tuning.freeze_startup_objects()  # as `project` does at its start; here it also hides the benchmark's own records
    began = time.perf_counter()
    ahead: asyncio.Queue[PreparedBatch | None] = asyncio.Queue(maxsize=1)  # prepared while another commits

    async def prepare() -> None:
        for start in range(0, len(incoming), batch):
            await ahead.put(await projector.prepare(incoming[start : start + batch]))
        await ahead.put(None)

    preparing = asyncio.create_task(prepare())
    while (work := await ahead.get()) is not None:
        await projector.commit(work)
    await preparing
    seconds = time.perf_counter() - began
    await projector.close()
    return len(incoming) / seconds


def as_read(event: Event, delivery: Delivery) -> Incoming:
    """The record of an event as `project` reads it from Kafka."""
    record = event_record(Topics(), event, delivery)
    return Incoming(record.value, record.headers, delivery.received_at)


async def _measured(url: str, say: Callable[[str], None]) -> Figures:
    connection = await asyncpg.connect(url)
    taken: Figures = {}
    for number in range(ROUNDS):
        say(f"projector, round {number + 1} of {ROUNDS}")
        for batch, verify in ((500, False), (500, True), (50, False), (1, False)):
            size = COUNT if batch > 1 else COUNT // 30
            events = deliveries(traffic(size, f"{time.time_ns()}-{number}"))
            incoming = [as_read(event, given) for event, given in events]
            alike = await copy_rate(connection, events, batch)
            whole = await copy_rate(connection, events, size)
            rate = await apply_rate(url, incoming, batch=batch, verify=verify)
            name = f"projector, batches of {batch}, verification {'on' if verify else 'off'}"
            taken.setdefault(name, ([], "of COPY in such batches"))[0].append(rate / alike)
            taken.setdefault(f"the same, {name.partition(', ')[2]}", ([], "of one COPY"))[0].append(rate / whole)
    await connection.close()
    return taken


def of_copy(variables: Mapping[str, str], say: Callable[[str], None]) -> Figures:
    """The rate of the projector over that of COPY, for batches of 1, 50 and 500."""
    return asyncio.run(_measured(variables["DATABASE_URL"], say))
