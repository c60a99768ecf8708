"""The batch: records in, one transaction out. Tables, events and consumer offsets commit together or not at all.

Order inside the transaction, the same for every projector so that none can deadlock another: the tables of each
projection (rows sorted by key), the refolds (lock, then fold), quarantine, then the append lock, the events, the
offsets. Projections are idempotent and come first, so they need not know which events are new.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

import asyncpg

from projections.database import connect, outages
from projections.event_store import Partitions, append
from projections.isolation import Isolation
from projections.keys import key_book
from projections.positions import Advance, advance_offsets
from projections.projection import Projection, Routing, Stored
from projections.quarantine import QUARANTINED_WEBHOOKS, Parked, judge, parked_row, signature_holds
from projections.queries import queries
from projections.registry import PROJECTIONS
from projections.writing import prepare, upsert, write
from schemas.errors import LedgerError
from schemas.migrate import require_current
from schemas.record import Arrival, decode
from schemas.signing import Key, KeyRing

_NOT_LIVE = queries("isolation")["not_live"]
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
    """What a batch came to: new events, those that were there before (or twice in it), what was parked by reason, and
    the dead letters by projection."""

    stored: int
    duplicates: int
    quarantined: dict[str, int] = field(default_factory=dict)
    dead: dict[str, int] = field(default_factory=dict)


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
        self._ring_is_new = False
        self._verify = verify
        self._owner = owner
        self._routing = Routing(projections)
        self._connection: asyncpg.Connection | None = None
        self._partitions = Partitions()
        self._isolation = Isolation()
        self._threads = ThreadPoolExecutor(VERIFY_THREADS, thread_name_prefix="verify")

    async def connect(self) -> asyncpg.Connection:
        """The open connection, made if there is none. Raises Unavailable, and Misconfigured for an older schema."""
        if self._connection is None or self._connection.is_closed():
            self._partitions.forget()
            connection = await connect(self._database_url)
            try:
                with outages():
                    await require_current(connection)
                    await self._remember_ring(connection)
                    await self._declare(connection)
            except BaseException:
                connection.terminate()
                raise
            self._connection = connection
        elif self._ring_is_new:
            try:
                with outages():
                    await self._remember_ring(self._connection)
            except BaseException:
                self._drop()
                raise
        return self._connection

    def replace_keys(self, keys: KeyRing) -> None:
        """A new ring, in force at once and remembered with the next batch; what an old key signed still verifies."""
        # The old keys stay in it: there may have been no connection yet over which they could be remembered.
        self._ring, self._ring_is_new = KeyRing([*(self._ring.by_id | keys.by_id).values()]), True
        self._keys = {**self._keys, **keys.by_id}

    async def _remember_ring(self, connection: asyncpg.Connection) -> None:
        self._ring_is_new = False
        book = await key_book(connection, self._ring)
        self._keys = {**book, **self._ring.by_id}  # it may have been replaced again meanwhile

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
        (rolled back). A fault of one projection leaves dead letters; anything else that is raised is a fault of the
        event store. The connection is dropped after all of them but Fenced: a half-done transaction never lingers.
        """
        connection = await self.connect()
        events, parked = await self._judge(batch)
        try:
            with outages():
                await self._partitions.ensure(connection, events)
            try:
                stored, dead = await self._settle(connection, events, parked, advances, isolate=False)
            except LedgerError:
                raise
            except Exception:  # noqa: BLE001 -- whoever is at fault is found by doing it again, one by one
                stored, dead = await self._settle(connection, events, parked, advances, isolate=True)
        except Fenced:
            raise
        except BaseException:
            self._drop()
            raise
        reasons = [item.reason for item in parked]
        quarantined = {reason: reasons.count(reason) for reason in set(reasons)}
        return Applied(stored, len(batch) - len(parked) - stored, quarantined, dead)

    async def _settle(
        self,
        connection: asyncpg.Connection,
        events: Sequence[Stored],
        parked: Sequence[Parked],
        advances: Sequence[Advance],
        *,
        isolate: bool,
    ) -> tuple[int, dict[str, int]]:
        """`_commit`, again with the stored accounts if one and the same `data` was stored under another one."""
        while True:
            try:
                with outages():
                    return await self._commit(connection, events, parked, advances, isolate=isolate)
            except StoredUnderOtherAccount as other:
                accounts = other.accounts
                events = [
                    (event, replace(given, account=accounts.get(event.key, given.account))) for event, given in events
                ]

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
        *,
        isolate: bool,
    ) -> tuple[int, dict[str, int]]:
        feeds = self._routing.feeds(events)
        prepared = [] if isolate else [prepare(projection, given) for projection, given in feeds.items()]
        dead: dict[str, int] = {}
        async with self._transaction(connection):
            asleep = {row["name"] for row in await connection.fetch(_NOT_LIVE)}
            for item in prepared:
                if item.projection.name not in asleep:
                    await write(connection, item)
            if isolate:
                awake = {projection: given for projection, given in feeds.items() if projection.name not in asleep}
                dead = await self._isolation.write(connection, awake)
            await upsert(connection, QUARANTINED_WEBHOOKS, [parked_row(item) for item in parked])
            stored = await self._append(connection, events) if events else 0
            lost = await advance_offsets(connection, advances, self._owner) if advances else []
            if lost:
                raise Fenced(lost)
        if not isolate:
            self._isolation.went_well(feeds)
        return stored, dead

    @asynccontextmanager
    async def _transaction(self, connection: asyncpg.Connection) -> AsyncIterator[None]:
        """One transaction, and what is noted of failures in it: both count, or neither."""
        with self._isolation.tentative():
            async with connection.transaction(isolation="read_committed"):
                yield

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
