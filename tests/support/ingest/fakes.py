"""Fakes of the durable port, of the event store and of a sink, with faults at the moment that a test chooses.

The contract suite (tests/contract/test_durable.py) runs on the fake and on the real port.
"""

import asyncio
from collections.abc import Iterable, Sequence

from ingest.admission.dedupe import LookupKey
from schemas.errors import Rejected, Unavailable
from schemas.kafka.record import Record
from schemas.kafka.sink import Verdict


class FakeDurable:
    """Keeps records in memory. Raises Unavailable at once if not `can_accept`, at the deadline if `gate` is closed."""

    def __init__(self, waiting: Iterable[tuple[str, str]] = ()) -> None:
        self.records: list[Record] = []
        self.calls = 0
        self.begun = asyncio.Event()
        self.can_accept = True
        self.problem: str | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self._waiting = tuple(waiting)

    async def persist(self, record: Record, deadline: float) -> None:
        """As DurablePort says."""
        self.calls += 1
        self.begun.set()
        if not self.can_accept:
            raise Unavailable("the fake cannot accept")
        try:
            async with asyncio.timeout_at(deadline):
                await self.gate.wait()
        except TimeoutError:
            raise Unavailable("the fake was late") from None
        self.records.append(record)

    async def wait_for_idle_producer(self) -> None:
        """Return at once."""

    def recent_keys(self) -> Sequence[tuple[str, str]]:
        """As DurablePort says."""
        return self._waiting

    def keys(self) -> list[str]:
        """ce_id of every record, in order."""
        return [record.event_key for record in self.records]


class FakeStore:
    """Has the keys in `stored`. With `gate` closed a query does not end; without `available` it is not asked."""

    def __init__(self) -> None:
        self.stored: set[str] = set()
        self.queries: list[list[LookupKey]] = []
        self.available = True
        self.broken = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def which_are_stored(self, wanted: Sequence[LookupKey]) -> set[str]:
        """As StoredEvents says."""
        self.queries.append(list(wanted))
        await self.gate.wait()
        if self.broken:
            self.available = False
            raise Unavailable("the fake store broke")
        return {key for _, _, key in wanted} & self.stored


class MemorySink:
    """A sink in memory. While `away` it raises Unavailable. `refuses` are rejected, and `later` are unavailable."""

    def __init__(self) -> None:
        self.away = False
        self.refuses: set[str] = set()
        self.later: set[str] = set()
        self.kept: list[str] = []
        self.batches: list[int] = []

    async def deliver(self, records: Sequence[Record]) -> Sequence[Verdict]:
        self.batches.append(len(records))
        if self.away:
            raise Unavailable("the sink is unavailable")
        return [self._verdict(record.event_key) for record in records]

    def _verdict(self, key: str) -> Verdict:
        if key in self.refuses:
            return Rejected("never")
        if key in self.later:
            return Unavailable("not yet")
        self.kept.append(key)
        return None
