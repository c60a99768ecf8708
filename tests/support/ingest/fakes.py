"""Fakes of the durable port and of the event store, with faults at the moment that a test chooses.

The contract suite (tests/contract/test_durable.py) runs on the fake and on the real port.
"""

import asyncio
from collections.abc import Iterable, Sequence

from ingest.admission.dedupe import LookupKey
from schemas.errors import Unavailable
from schemas.kafka.record import Record


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
