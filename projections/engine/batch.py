"""What a batch comes to before Postgres is asked: decoded, verified, judged, folded; nothing here touches a table.

It is done in slices between which the loop runs, so that one batch is prepared while another one is committed.
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

SLICE = 50  # signatures that a thread verifies
TURN = 10  # events between which the loop runs: an answer of Postgres' waits for them
VERIFY_THREADS = min(4, os.cpu_count() or 1)


class Incoming(NamedTuple):
    """A record as it was read. `appended_at` stands in where its `ledger_received_at` is unreadable."""

    value: bytes
    headers: Sequence[tuple[str, bytes]]
    appended_at: datetime


@dataclass(frozen=True, slots=True)
class PreparedBatch:
    """A batch, ready to be written: the rows of its events, sorted, what is parked, and what each projection makes.

    `keys` has the event_key or quarantine_key of every record, in their order.
    """

    keys: Sequence[str]
    event_rows: Sequence[EventRow]
    parked: Sequence[Parked]
    parts: Sequence[ProjectionPart]

    @property
    def failed(self) -> bool:
        """Whether the code of a projection failed: which event is at fault is found one by one."""
        return any(part.folded is None for part in self.parts)


class BatchPreparer:
    """Makes work of batches. Signatures are verified ahead in threads (libsodium releases the GIL)."""

    def __init__(self, routing: Routing, *, verify: bool) -> None:
        self._routing = routing
        self._verify = verify
        self._threads = ThreadPoolExecutor(VERIFY_THREADS, thread_name_prefix="verify")

    def close(self) -> None:
        """Lets go of the threads."""
        self._threads.shutdown()

    async def prepare(self, batch: Sequence[Incoming], keys: Mapping[str, Key]) -> PreparedBatch:
        """Everything that is known of a batch without asking. Never raises for what is in it."""
        names: list[str] = []
        rows: dict[str, EventRow] = {}
        parked: list[Parked] = []
        parts = PartBuilder(self._routing)
        for arrivals, verification in self._arrivals(batch, keys):
            checks: Sequence[bool | None]
            checks = [None] * len(arrivals) if verification is None else await verification
            # An event at a time through all of it: its body, just read, is still at hand in the processor's cache.
            for number, (arrival, verified) in enumerate(zip(arrivals, checks, strict=True)):
                if number % TURN == 0:
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
        """The same with other accounts, by event_key."""
        parts = PartBuilder(self._routing)
        rows = [row._replace(account=accounts.get(row.event_key, row.account)) for row in prepared.event_rows]
        for row in rows:
            delivery = delivery_of(row)
            parts.add(read_again(delivery), delivery)
        return PreparedBatch(prepared.keys, rows, prepared.parked, parts.parts())

    def _arrivals(
        self, batch: Sequence[Incoming], keys: Mapping[str, Key]
    ) -> Iterable[tuple[list[Arrival], "asyncio.Future[list[bool]] | None"]]:
        """In slices: what the records claim, and whether their signatures hold, if that is asked."""
        slices = (list(map(_arrival, batch[start : start + SLICE])) for start in range(0, len(batch), SLICE))
        if not self._verify:
            return ((arrivals, None) for arrivals in slices)
        loop = asyncio.get_running_loop()
        return [(arrivals, loop.run_in_executor(self._threads, _check, arrivals, keys)) for arrivals in slices]


def _arrival(item: Incoming) -> Arrival:
    return decode(item.value, item.headers, fallback_received_at=item.appended_at)


def _check(arrivals: Iterable[Arrival], keys: Mapping[str, Key]) -> list[bool]:
    return [signature_holds(arrival.delivery, keys) for arrival in arrivals]
