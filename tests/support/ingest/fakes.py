"""Stand-ins for what ingest stands on, with the faults that a test wants at a moment of its choosing.

A fake is kept honest by the contract suite that also runs on the real thing (tests/contract).
"""

import asyncio
from collections.abc import Iterable, Sequence

from ingest.admission.dedupe import LookupKey
from schemas.errors import Unavailable
from schemas.kafka.record import Record


class FakeDurable:
    """Keeps records in memory. `gate` closed: nobody gets an answer before the deadline; not `able`: Unavailable."""

    def __init__(self, waiting: Iterable[tuple[str, str]] = ()) -> None:
        self.records: list[Record] = []
        self.calls = 0
        self.begun = asyncio.Event()
        self.can_accept = True
        self.gate = asyncio.Event()
        self.gate.set()
        self._waiting = tuple(waiting)

    async def persist(self, record: Record, deadline: float) -> None:
        """As Durable says."""
        self.calls += 1
        self.begun.set()
        if not self.can_accept:
            raise Unavailable("the fake is not able")
        try:
            async with asyncio.timeout_at(deadline):
                await self.gate.wait()
        except TimeoutError:
            raise Unavailable("the fake was late") from None
        self.records.append(record)

    async def wait_for_idle_producer(self) -> None:
        """As Durable says: it would send at once."""

    def recent_keys(self) -> Sequence[tuple[str, str]]:
        """As DurableStart says."""
        return self._waiting

    def keys(self) -> list[str]:
        """ce_id of every record, in order."""
        return [record.event_key for record in self.records]


class FakeStore:
    """Knows the keys that it is told. `gate` closed: a query does not end; not `available`: nobody asks."""

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
