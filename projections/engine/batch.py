"""Prepares a batch without touching the database: decode, verify signatures, quarantine, compute rows.

It works in slices between which the event loop runs: one batch is prepared while another is committed.
"""

import asyncio
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from projections.engine.event_store import EventRow, delivery_of, event_row
from projections.engine.projection import Routing
from projections.engine.quarantine import Parked, judge, signature_holds
from projections.engine.row_writer import PartBuilder, ProjectionPart, read_again
from schemas.kafka.record import Arrival, decode
from schemas.reading.event import read
from schemas.reading.signing import Key

SLICE_SIGNATURES = 50  # verified by a thread at a time
TURN_EVENTS = 10  # between two turns of the event loop: an answer of Postgres waits for them
VERIFY_THREADS = min(4, os.cpu_count() or 1)


class Incoming(NamedTuple):
    """A record as it was read. `appended_at` replaces a `ledger_received_at` that is unreadable."""

    value: bytes
    headers: Sequence[tuple[str, bytes]]
    appended_at: datetime


@dataclass(frozen=True, slots=True)
class PreparedBatch:
    """A batch that is ready to be written.

    `keys` has the event_key or quarantine_key of every record, in order. `event_rows` are sorted; `parked` go to
    quarantine; `parts` has the rows of each projection.
    """

    keys: Sequence[str]
    event_rows: Sequence[EventRow]
    parked: Sequence[Parked]
    parts: Sequence[ProjectionPart]

    @property
    def failed(self) -> bool:
        """Whether the code of a projection failed. Fault isolation then finds the event that caused it."""
        return any(part.folded is None for part in self.parts)


class BatchPreparer:
    """Prepares batches. Threads verify the signatures ahead (libsodium releases the GIL)."""

    def __init__(self, routing: Routing, *, verify: bool) -> None:
        self._routing = routing
        self._verify = verify
        self._threads = ThreadPoolExecutor(VERIFY_THREADS, thread_name_prefix="verify")

    def close(self) -> None:
        """Stop the threads."""
        self._threads.shutdown()

    async def prepare(self, batch: Sequence[Incoming], keys: Mapping[str, Key]) -> PreparedBatch:
        """The prepared batch. Never raises, whatever its records contain."""
        names: list[str] = []
        rows: dict[str, EventRow] = {}
        parked: list[Parked] = []
        parts = PartBuilder(self._routing)
        for arrivals, verification in self._arrivals(batch, keys):
            checks: Sequence[bool | None]
            checks = [None] * len(arrivals) if verification is None else await verification
            # Each event goes through all steps at once, while its body is in the processor's cache.
            for number, (arrival, verified) in enumerate(zip(arrivals, checks, strict=True)):
                if number % TURN_EVENTS == 0:
                    await asyncio.sleep(0)
                content = read(arrival.delivery.body)
                names.append(content.key)
                judged = judge(arrival, content, keys, verified=verified)
                if isinstance(judged, Parked):
                    parked.append(judged)
                elif content.key not in rows:
                    rows[content.key] = event_row(*judged)
                    parts.add(*judged)
        return PreparedBatch(names, sorted(rows.values()), parked, parts.parts())

    def with_accounts(self, prepared: PreparedBatch, accounts: Mapping[str, str]) -> PreparedBatch:
        """The same batch with these accounts, by event_key."""
        parts = PartBuilder(self._routing)
        rows = [row._replace(account=accounts.get(row.event_key, row.account)) for row in prepared.event_rows]
        for row in rows:
            delivery = delivery_of(row)
            parts.add(read_again(delivery), delivery)
        return PreparedBatch(prepared.keys, rows, prepared.parked, parts.parts())

    def _arrivals(
        self, batch: Sequence[Incoming], keys: Mapping[str, Key]
    ) -> Iterable[tuple[list[Arrival], "asyncio.Future[list[bool]] | None"]]:
        """Slices of decoded records, each with the pending result of its signatures; None with verification off."""
        starts = range(0, len(batch), SLICE_SIGNATURES)
        slices = (list(map(_arrival, batch[start : start + SLICE_SIGNATURES])) for start in starts)
        if not self._verify:
            return ((arrivals, None) for arrivals in slices)
        loop = asyncio.get_running_loop()
        return [(arrivals, loop.run_in_executor(self._threads, _check, arrivals, keys)) for arrivals in slices]


def _arrival(record: Incoming) -> Arrival:
    return decode(record.value, record.headers, fallback_received_at=record.appended_at)


def _check(arrivals: Iterable[Arrival], keys: Mapping[str, Key]) -> list[bool]:
    return [signature_holds(arrival.delivery, keys) for arrival in arrivals]
