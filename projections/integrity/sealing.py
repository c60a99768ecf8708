"""Seals stored events: every range of positions once, in order, by the process that holds the lock.

No event is ever committed below a seal. Positions are assigned and committed under the append lock
(engine/event_store.py), so a later commit has higher positions than everything that a sealer can read.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg
import structlog

from projections.engine.database import brief_transaction, connection_to
from projections.engine.event_reader import last_position
from projections.integrity.merkle import FIRST_CHAIN, GROUP, chain_value, group_roots, tree_hash
from projections.sql import queries
from schemas.errors import Misconfigured, Unavailable

EVENTS_A_SEAL = 10_000
LONGEST_UNSEALED = timedelta(minutes=10)
EVERY_SECONDS = 5.0
REFUSED_SECONDS = 60.0
PAGE_EVENTS = 1000  # bodies may be large, and a statement may take 30 s

_SQL = queries("seals")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Seal:
    """A row of event_seals. `root` and `chain` are 32 bytes each."""

    seq: int
    first_position: int
    last_position: int
    events: int
    root: bytes
    chain: bytes
    sealed_at: datetime


async def newest_seal(connection: asyncpg.Connection) -> Seal | None:
    """The seal with the highest number."""
    row = await connection.fetchrow(_SQL["newest"])
    return Seal(**row) if row else None


async def seal_now(connection: asyncpg.Connection, *, events_a_seal: int = EVENTS_A_SEAL) -> AsyncIterator[Seal]:
    """Seals everything that is stored now, and yields each new seal.

    Another process that seals at the same time takes turns with this one. A failure leaves only whole seals; the
    connection must then be discarded.
    """
    end = await last_position(connection)
    while (newest := await newest_seal(connection)) is None or newest.last_position < end:
        seal = await _seal_next(connection, events_a_seal, wait=True)
        if seal is None:
            return
        yield seal


async def keep_sealing(
    database_url: str,
    *,
    events_a_seal: int = EVENTS_A_SEAL,
    longest_unsealed: timedelta = LONGEST_UNSEALED,
    every_seconds: float = EVERY_SECONDS,
) -> None:
    """Runs until cancelled: seals as soon as enough events are unsealed, or one is unsealed for too long.

    It uses a separate connection beside the batches, and several processes may run it. Nothing is due while Postgres is
    unavailable. An error, for example a missing right, is logged, and the seal is tried again later.
    """
    while True:
        try:
            async with connection_to(database_url) as connection:
                while True:
                    newest = await newest_seal(connection)
                    sealed_to = newest.last_position if newest else 0
                    if not await connection.fetchval(_SQL["due"], sealed_to, events_a_seal, longest_unsealed):
                        await asyncio.sleep(every_seconds)
                    elif seal := await _seal_next(connection, events_a_seal, wait=False):
                        log.info("sealed", seq=seal.seq, last_position=seal.last_position, chain=seal.chain.hex())
                    else:
                        await asyncio.sleep(every_seconds)  # another process is sealing
        except (Unavailable, Misconfigured):  # the projector logs these
            await asyncio.sleep(every_seconds)
        except asyncpg.PostgresError as error:
            log.error("not_sealed", error=type(error).__name__, sqlstate=error.sqlstate, what_now="trying again")
            await asyncio.sleep(REFUSED_SECONDS)


async def _seal_next(connection: asyncpg.Connection, events_a_seal: int, *, wait: bool) -> Seal | None:
    """Seals the next events. None if there are none, or if another process is sealing and `wait` is false."""
    async with brief_transaction(connection):
        made = await connection.fetchval(_SQL["lock" if wait else "try_lock"])
        if made is None:
            return None
        newest = await newest_seal(connection)
        leaves = await leaves_after(connection, newest.last_position if newest else 0, events_a_seal)
        if not leaves:
            return None
        # The number of a removed seal is not used again, so the removal stays visible.
        seq = max(made, newest.seq if newest else 0) + 1
        return await _add(connection, newest, seq, leaves)


async def _add(connection: asyncpg.Connection, newest: Seal | None, seq: int, leaves: list[tuple[int, bytes]]) -> Seal:
    first_position, chain = (newest.last_position + 1, newest.chain) if newest else (1, FIRST_CHAIN)
    groups, last = group_roots([leaf for _, leaf in leaves]), leaves[-1][0]
    root = tree_hash(groups)
    chain = chain_value(chain, root, last)
    row = await connection.fetchrow(_SQL["add"], seq, first_position, last, len(leaves), root, chain)
    await connection.execute(_SQL["add_groups"], seq, [position for position, _ in leaves[::GROUP]], b"".join(groups))
    await connection.execute(_SQL["count"], seq)
    return Seal(**row)


async def leaves_after(connection: asyncpg.Connection, position: int, limit: int) -> list[tuple[int, bytes]]:
    """(position, leaf) of at most `limit` events after a position."""
    leaves: list[tuple[int, bytes]] = []
    while len(leaves) < limit:
        size = min(PAGE_EVENTS, limit - len(leaves))
        page = await connection.fetch(_SQL["leaves"], leaves[-1][0] if leaves else position, size)
        leaves += [(row["position"], row["leaf"]) for row in page]
        if len(page) < size:
            break
    return leaves
