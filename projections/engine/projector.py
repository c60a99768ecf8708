"""The batch: records in, one transaction out. Tables, events and consumer offsets commit together or not at all.

Order inside the transaction, the same for every projector so that none can deadlock another: the tables of each
projection (rows sorted by key), the refolds (lock, then fold), quarantine, then the append lock, the events, the
offsets. Projections are idempotent and come first, so they need not know which events are new.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg

from projections.engine.batch import BatchPreparer, Incoming, PreparedBatch
from projections.engine.database import connect, outages
from projections.engine.event_store import EventRow, Partitions, append
from projections.engine.fault_isolation import FaultIsolation
from projections.engine.offsets import Advance, advance_offsets
from projections.engine.projection import Projection, Routing
from projections.engine.projection_status import register
from projections.engine.quarantine import QUARANTINED_WEBHOOKS, parked_row
from projections.engine.row_writer import COPY_ROWS, upsert, write
from projections.signing_keys import key_book
from projections.sql import queries
from schemas.errors import LedgerError
from schemas.reading.signing import Key, KeyRing
from schemas.sql.migrate import require_current

_LOCK_SUSPENDED = queries("dead_letter")["lock_suspended"]


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
        projections: Sequence[Projection],
    ) -> None:
        self._database_url = database_url
        self._ring = keys
        self._keys: Mapping[str, Key] = keys.by_id
        self._ring_is_new = False
        self._owner = owner
        self._projections = projections
        self._preparer = BatchPreparer(Routing(projections), verify=verify)
        self._connection: asyncpg.Connection | None = None
        self._connecting = asyncio.Lock()
        self._connected_once = False
        self._partitions = Partitions()
        self._isolation = FaultIsolation()
        self._expects_new = True

    async def connect(self) -> asyncpg.Connection:
        """The open connection, made if there is none. Raises Unavailable, and Misconfigured for an older schema."""
        async with self._connecting:
            return await self._connect()

    async def _connect(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            self._partitions.forget()
            connection = await connect(self._database_url)
            try:
                with outages():
                    await require_current(connection)
                    await self._remember_ring(connection)
                    await register(connection, self._projections)
            except BaseException:
                connection.terminate()
                raise
            self._connection, self._connected_once = connection, True
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
        self._preparer.close()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def prepare(self, batch: Sequence[Incoming]) -> PreparedBatch:
        """Everything about a batch that needs no transaction; may be done while another one is committed.

        Raises Unavailable and Misconfigured until it was connected once: the keys that ever counted are stored.
        """
        if not self._connected_once:
            await self.connect()
        return await self._preparer.prepare(batch, self._keys)

    async def commit(self, prepared: PreparedBatch, advances: Sequence[Advance] = ()) -> Applied:
        """Writes a batch and moves the offsets of `advances`, in one transaction; idempotent. One at a time.

        Raises Unavailable (an outage: whether it was committed is unknown; the stored offsets say so) and Fenced
        (rolled back). A fault of one projection leaves dead letters; anything else that is raised is a fault of the
        event store. The connection is dropped after all of them but Fenced: a half-done transaction never lingers.
        """
        connection = await self.connect()
        try:
            with outages():
                await self._partitions.ensure(connection, prepared.event_rows)
            try:
                stored, dead = await self._settle(connection, prepared, advances, isolate=prepared.failed)
            except LedgerError:
                raise
            except Exception:  # noqa: BLE001 -- whoever is at fault is found by doing it again, one by one
                stored, dead = await self._settle(connection, prepared, advances, isolate=True)
        except Fenced:
            raise
        except BaseException:
            self._drop()
            raise
        reasons = [item.reason for item in prepared.parked]
        quarantined = {reason: reasons.count(reason) for reason in set(reasons)}
        return Applied(stored, len(prepared.keys) - len(prepared.parked) - stored, quarantined, dead)

    async def apply(self, batch: Sequence[Incoming], advances: Sequence[Advance] = ()) -> Applied:
        """`prepare` and `commit`."""
        return await self.commit(await self.prepare(batch), advances)

    async def _settle(
        self, connection: asyncpg.Connection, prepared: PreparedBatch, advances: Sequence[Advance], *, isolate: bool
    ) -> tuple[int, dict[str, int]]:
        """`_commit`: by COPY as long as all events are new, again without it where one is not, and again with the
        stored accounts if one and the same `data` was stored under another one."""
        copy = self._expects_new and len(prepared.event_rows) >= COPY_ROWS
        while True:
            try:
                with outages():
                    stored, dead = await self._commit(connection, prepared, advances, isolate=isolate, copy=copy)
            except asyncpg.UniqueViolationError:
                if not copy:
                    raise
                copy = False
            except StoredUnderOtherAccount as other:
                prepared = self._preparer.with_accounts(prepared, other.accounts)
                isolate = isolate or prepared.failed
            else:
                self._expects_new = stored == len(prepared.event_rows)
                return stored, dead

    async def _commit(
        self,
        connection: asyncpg.Connection,
        prepared: PreparedBatch,
        advances: Sequence[Advance],
        *,
        isolate: bool,
        copy: bool,
    ) -> tuple[int, dict[str, int]]:
        dead: dict[str, int] = {}
        async with self._transaction(connection):
            suspended = {row["name"] for row in await connection.fetch(_LOCK_SUSPENDED)}
            if isolate:
                live = {
                    part.projection: part.deliveries for part in prepared.parts if part.projection.name not in suspended
                }
                dead = await self._isolation.write(connection, live)
            else:
                for part in prepared.parts:
                    if part.folded is not None and part.projection.name not in suspended:
                        await write(connection, part.folded, copy=copy)
            await upsert(connection, QUARANTINED_WEBHOOKS, [parked_row(item) for item in prepared.parked])
            stored = await self._append(connection, prepared.event_rows, copy=copy) if prepared.event_rows else 0
            lost = await advance_offsets(connection, advances, self._owner) if advances else []
            if lost:
                raise Fenced(lost)
        if not isolate:
            self._isolation.went_well({part.projection: len(part.deliveries) for part in prepared.parts})
        return stored, dead

    @asynccontextmanager
    async def _transaction(self, connection: asyncpg.Connection) -> AsyncIterator[None]:
        """One transaction, and what is noted of failures in it: both count, or neither."""
        with self._isolation.tentative():
            async with connection.transaction(isolation="read_committed"):
                yield

    async def _append(self, connection: asyncpg.Connection, rows: Sequence[EventRow], *, copy: bool) -> int:
        stored, accounts = await append(connection, rows, copy=copy)
        other = {row.event_key for row in rows if accounts.get(row.event_key, row.account) != row.account}
        if other:
            raise StoredUnderOtherAccount({key: accounts[key] for key in other})
        return stored
