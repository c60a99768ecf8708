"""The batch: records in, one transaction out. Tables, events and consumer offsets commit together or not at all.

Order inside the transaction, the same for every projector so that none can deadlock another: the tables of each
projection (rows sorted by key), the refolds (lock, then fold), quarantine, then the append lock, the events, the
offsets. Projections are idempotent and come first, so they need not know which events are new.
"""

import asyncio
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime

import asyncpg

from projections.database import connect, outages
from projections.event_store import Partitions, Stored, append
from projections.keys import key_book
from projections.positions import Advance, advance_offsets
from projections.projection import Projection, Routing
from projections.quarantine import QUARANTINED_WEBHOOKS, Parked, judge, parked_row, signature_holds
from projections.queries import queries
from projections.registry import PROJECTIONS
from projections.table import Row, Table
from schemas.errors import LedgerError
from schemas.record import Arrival, decode
from schemas.signing import Key, KeyRing

VERIFY_THREADS = min(4, os.cpu_count() or 1)


class Fenced(LedgerError):
    """Other owners moved these (topic, partition) on: nothing was committed; read their positions again."""

    def __init__(self, lost: Iterable[tuple[str, int]]) -> None:
        self.lost = list(lost)
        super().__init__(f"another owner holds {self.lost}")


class StoredUnderOtherAccount(LedgerError):
    """One and the same `data` reached two accounts; the stored one counts in every table. `accounts` by event_key."""

    def __init__(self, accounts: Mapping[str, str]) -> None:
        self.accounts = accounts
        super().__init__("an event is stored under another account")


@dataclass(frozen=True, slots=True)
class Incoming:
    """A record as it was read. `appended_at` stands in where its `ledger_received_at` is unreadable."""

    value: bytes
    headers: Sequence[tuple[str, bytes]]
    appended_at: datetime


@dataclass(frozen=True, slots=True)
class Applied:
    """What a batch came to: new events, those that were there before (or twice in it), what was parked by reason."""

    stored: int
    duplicates: int
    quarantined: dict[str, int] = field(default_factory=dict)


class Projector:
    """Applies batches over one connection, which it opens when it needs one. One `apply` at a time."""

    def __init__(
        self,
        database_url: str,
        *,
        keys: KeyRing,
        verify: bool,
        owner: str,
        projections: Sequence[Projection] = PROJECTIONS,
    ) -> None:
        self._database_url = database_url
        self._ring = keys
        self._keys: Mapping[str, Key] = keys.by_id
        self._verify = verify
        self._owner = owner
        self._routing = Routing(projections)
        self._connection: asyncpg.Connection | None = None
        self._partitions = Partitions()
        self._threads = ThreadPoolExecutor(VERIFY_THREADS, thread_name_prefix="verify")

    async def connect(self) -> asyncpg.Connection:
        """The open connection, made if there is none. Raises Unavailable."""
        if self._connection is None or self._connection.is_closed():
            self._partitions.forget()
            connection = await connect(self._database_url)
            try:
                with outages():
                    self._keys = await key_book(connection, self._ring)
                    await self._declare(connection)
            except BaseException:
                connection.terminate()
                raise
            self._connection = connection
        return self._connection

    async def close(self) -> None:
        """Lets go of the connection and the threads."""
        self._drop()
        self._threads.shutdown()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def _declare(self, connection: asyncpg.Connection) -> None:
        known = self._routing.projections
        names, versions = [item.name for item in known], [item.version for item in known]
        await connection.execute(queries("operation")["declare_projections"], names, versions)

    async def apply(self, batch: Sequence[Incoming], advances: Sequence[Advance] = ()) -> Applied:
        """Applies a batch and moves the offsets of `advances`, in one transaction; idempotent.

        Raises Unavailable (an outage: whether it was committed is unknown; the stored offsets say so) and Fenced
        (rolled back). Anything else is a fault in code or data base. The connection is dropped after any of them but
        Fenced, so that a half-done transaction never lingers.
        """
        connection = await self.connect()
        events, parked = await self._judge(batch)
        try:
            while True:
                try:
                    with outages():
                        stored = await self._commit(connection, events, parked, advances)
                    break
                except StoredUnderOtherAccount as other:
                    events = [
                        (event, replace(delivery, account=other.accounts.get(event.key, delivery.account)))
                        for event, delivery in events
                    ]
        except Fenced:
            raise
        except BaseException:
            self._drop()
            raise
        reasons = [item.reason for item in parked]
        quarantined = {reason: reasons.count(reason) for reason in set(reasons)}
        return Applied(stored, len(batch) - len(parked) - stored, quarantined)

    async def _judge(self, batch: Sequence[Incoming]) -> tuple[list[Stored], list[Parked]]:
        """Events, each once, and what to park. Signatures are verified in threads; libsodium releases the GIL."""
        arrivals = [decode(item.value, item.headers, fallback_received_at=item.appended_at) for item in batch]
        checks: list[bool | None] = [None] * len(arrivals)
        if self._verify:
            loop = asyncio.get_running_loop()
            size = -(-len(arrivals) // VERIFY_THREADS) or 1
            parts = [arrivals[start : start + size] for start in range(0, len(arrivals), size)]
            work = [loop.run_in_executor(self._threads, _check, part, self._keys) for part in parts]
            checks = [check for part in await asyncio.gather(*work) for check in part]
        events: dict[str, Stored] = {}
        parked: list[Parked] = []
        for arrival, verified in zip(arrivals, checks, strict=True):
            judged = judge(arrival, self._keys, verified=verified)
            if isinstance(judged, Parked):
                parked.append(judged)
            else:
                events.setdefault(judged[0].key, judged)
        return list(events.values()), parked

    async def _commit(
        self,
        connection: asyncpg.Connection,
        events: Sequence[Stored],
        parked: Sequence[Parked],
        advances: Sequence[Advance],
    ) -> int:
        written = self._rows(events)
        await self._partitions.ensure(connection, events)
        async with connection.transaction(isolation="read_committed"):
            for projection in self._routing.projections:
                await _write(connection, projection, written)
            await _upsert(connection, QUARANTINED_WEBHOOKS, [parked_row(item) for item in parked])
            stored = await self._append(connection, events) if events else 0
            lost = await advance_offsets(connection, advances, self._owner) if advances else []
            if lost:
                raise Fenced(lost)
        return stored

    def _rows(self, events: Sequence[Stored]) -> dict[str, list[Row]]:
        """What each table is given, by the table's name."""
        written: dict[str, list[Row]] = {}
        for event, delivery in events:
            for projection in self._routing.of(event.type):
                for table, row in projection.rows(event, delivery):
                    written.setdefault(table.name, []).append(row)
        return written

    async def _append(self, connection: asyncpg.Connection, events: Sequence[Stored]) -> int:
        stored, accounts = await append(connection, events)
        other = {
            event.key for event, delivery in events if accounts.get(event.key, delivery.account) != delivery.account
        }
        if other:
            raise StoredUnderOtherAccount({key: accounts[key] for key in other})
        return stored


def _check(arrivals: Sequence[Arrival], keys: Mapping[str, Key]) -> list[bool]:
    return [signature_holds(arrival.delivery, keys) for arrival in arrivals]


async def _write(connection: asyncpg.Connection, projection: Projection, written: Mapping[str, list[Row]]) -> None:
    for table in projection.tables:
        await _upsert(connection, table, written.get(table.name, ()))
    refold = projection.refold
    if refold is None or refold.facts.name not in written:
        return
    touched = sorted({tuple(row[name] for name in refold.touched) for row in written[refold.facts.name]})
    columns = [list(column) for column in zip(*touched, strict=True)]
    await connection.execute(refold.lock, *columns)
    await connection.execute(refold.fold, *columns)


async def _upsert(connection: asyncpg.Connection, table: Table, rows: Iterable[Row]) -> None:
    folded = table.fold(rows)
    if folded:
        await connection.execute(table.upsert, table.document(folded))
