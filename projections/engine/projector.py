"""Writes a batch of records in one transaction.

Invariant: tables, events and offsets commit together or not at all. Every projector writes in the same order, so none
deadlocks another: the tables of each projection (rows sorted by key), the refolds (lock, then fold), quarantine, the
append lock, the events, the offsets. Projections are idempotent and come first: they need not know which
events are new.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum, auto

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

PARTITIONS_SCHEMA = "telnyx_partitions"
_LOCK_SUSPENDED = queries("dead_letter")["lock_suspended"]


class Fenced(LedgerError):
    """Another owner holds these (topic, partition): nothing was committed, and their offsets must be read again."""

    def __init__(self, lost: Iterable[tuple[str, int]]) -> None:
        self.lost = list(lost)
        super().__init__(f"another owner holds {self.lost}")


class StoredUnderOtherAccount(LedgerError):
    """The same `data` reached two accounts. Every table uses the stored one: `accounts` by event_key."""

    def __init__(self, accounts: Mapping[str, str]) -> None:
        self.accounts = accounts
        super().__init__("an event is stored under another account")


class Isolation(Enum):
    """How a batch is written."""

    NONE = auto()  # all rows at once
    NEEDED = auto()  # in savepoints, until the failing events are found
    BLAMING = auto()  # so, and an event that Postgres refuses has failed


@dataclass(frozen=True, slots=True)
class Applied:
    """The result of a batch: new events, duplicates (stored before, or twice in the batch), parked records by reason,
    dead letters by projection."""

    stored: int
    duplicates: int
    quarantined: dict[str, int] = field(default_factory=dict)
    dead_letters: dict[str, int] = field(default_factory=dict)


class Projector:
    """Applies batches over one connection, which it opens when it needs one. One `commit` at a time."""

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
        """The connection, opened if there is none. Raises Unavailable, and Misconfigured for an older schema."""
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
        """Use a new key ring at once, and store it with the next batch. Signatures of older keys still verify."""
        # The old keys stay in the ring: there may have been no connection yet to store them.
        self._ring, self._ring_is_new = KeyRing([*(self._ring.by_id | keys.by_id).values()]), True
        self._keys = {**self._keys, **keys.by_id}

    async def _remember_ring(self, connection: asyncpg.Connection) -> None:
        self._ring_is_new = False
        stored_keys = await key_book(connection, self._ring)
        self._keys = {**stored_keys, **self._ring.by_id}  # the ring may have been replaced again meanwhile

    async def close(self) -> None:
        """Close the connection and stop the threads."""
        self._drop()
        self._preparer.close()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def prepare(self, batch: Sequence[Incoming]) -> PreparedBatch:
        """Do everything for a batch that needs no transaction. May run while another batch is committed.

        Raises Unavailable and Misconfigured until the first connection was made.
        """
        # Without a connection the keys of the past are unknown: they are stored in Postgres.
        if not self._connected_once:
            await self.connect()
        return await self._preparer.prepare(batch, self._keys)

    async def commit(
        self, prepared: PreparedBatch, advances: Sequence[Advance] = (), *, blame_events: bool = False
    ) -> Applied:
        """Write a batch and move the offsets of `advances`, in one transaction. Idempotent; one at a time.

        Raises Unavailable (an outage: the stored offsets say later whether the batch was committed), of that Refused
        (rolled back, a smaller batch may pass), and Fenced (rolled back). A failing projection leaves dead letters, and
        with `blame_events` so does an event that Postgres refuses; any other error is a bug of the event store. After
        every error but Fenced the connection is dropped: no half-done transaction stays open.
        """
        connection = await self.connect()
        try:
            with outages():
                await self._partitions.ensure(connection, prepared.event_rows)
            try:
                how = Isolation.BLAMING if blame_events else Isolation.NEEDED if prepared.failed else Isolation.NONE
                stored, dead_letters = await self._commit_or_retry(connection, prepared, advances, isolate=how)
            except LedgerError:
                raise
            except Exception:  # noqa: BLE001 -- a second run in savepoints finds the event that caused it
                how = Isolation.BLAMING if blame_events else Isolation.NEEDED
                stored, dead_letters = await self._commit_or_retry(connection, prepared, advances, isolate=how)
        except Fenced:
            raise
        except BaseException:
            self._drop()
            raise
        quarantined = Counter(parked.reason for parked in prepared.parked)
        duplicates = len(prepared.keys) - len(prepared.parked) - stored
        return Applied(stored, duplicates, dict(quarantined), dead_letters)

    async def apply(self, batch: Sequence[Incoming], advances: Sequence[Advance] = ()) -> Applied:
        """`prepare`, then `commit`."""
        return await self.commit(await self.prepare(batch), advances)

    async def _commit_or_retry(
        self,
        connection: asyncpg.Connection,
        prepared: PreparedBatch,
        advances: Sequence[Advance],
        *,
        isolate: Isolation,
    ) -> tuple[int, dict[str, int]]:
        """`_commit`, repeated where it must change.

        Without COPY where an event is not new, with the stored account where it differs, and once after the partition
        of an event was detached or dropped.
        """
        # COPY is tried as long as the batch before had only new events.
        copy = self._expects_new and len(prepared.event_rows) >= COPY_ROWS
        partitions_checked = False
        while True:
            try:
                with outages():
                    done = await self._commit(connection, prepared, advances, isolate=isolate, copy=copy)
            except asyncpg.UniqueViolationError:
                if not copy:
                    raise
                copy = False
            except asyncpg.CheckViolationError as error:
                if partitions_checked or error.schema_name != PARTITIONS_SCHEMA:
                    raise
                partitions_checked = True
                self._partitions.forget()
                with outages():
                    await self._partitions.ensure(connection, prepared.event_rows)
            except StoredUnderOtherAccount as other:
                prepared = self._preparer.with_accounts(prepared, other.accounts)
                isolate = Isolation.NEEDED if prepared.failed and isolate is Isolation.NONE else isolate
            else:
                self._expects_new = done[0] == len(prepared.event_rows)
                return done

    async def _commit(
        self,
        connection: asyncpg.Connection,
        prepared: PreparedBatch,
        advances: Sequence[Advance],
        *,
        isolate: Isolation,
        copy: bool,
    ) -> tuple[int, dict[str, int]]:
        dead_letters: dict[str, int] = {}
        async with self._transaction(connection):
            suspended = {row["name"] for row in await connection.fetch(_LOCK_SUSPENDED)}
            if isolate is not Isolation.NONE:
                live = {
                    part.projection: part.deliveries for part in prepared.parts if part.projection.name not in suspended
                }
                blame = isolate is Isolation.BLAMING
                dead_letters = await self._isolation.write(connection, live, blame_events=blame)
            else:
                for part in prepared.parts:
                    if part.folded is not None and part.projection.name not in suspended:
                        await write(connection, part.folded, copy=copy)
            await upsert(connection, QUARANTINED_WEBHOOKS, [parked_row(parked) for parked in prepared.parked])
            stored = await self._append(connection, prepared.event_rows, copy=copy) if prepared.event_rows else 0
            lost = await advance_offsets(connection, advances, self._owner) if advances else []
            if lost:
                raise Fenced(lost)
        if isolate is Isolation.NONE:
            self._isolation.succeeded({part.projection: len(part.deliveries) for part in prepared.parts})
        return stored, dead_letters

    @asynccontextmanager
    async def _transaction(self, connection: asyncpg.Connection) -> AsyncIterator[None]:
        """One transaction and the failures that are noted in it: both count, or neither."""
        with self._isolation.tentative():
            async with connection.transaction(isolation="read_committed"):
                yield

    async def _append(self, connection: asyncpg.Connection, rows: Sequence[EventRow], *, copy: bool) -> int:
        stored, accounts = await append(connection, rows, copy=copy)
        differing = {row.event_key for row in rows if accounts.get(row.event_key, row.account) != row.account}
        if differing:
            raise StoredUnderOtherAccount({key: accounts[key] for key in differing})
        return stored
