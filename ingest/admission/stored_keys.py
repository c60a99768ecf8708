"""Asks Postgres which events are stored, and never lets Postgres slow ingest down.

The breaker is the connection itself: without one nobody waits, and one that is late once is cut and made again in the
background. So a stopped or frozen Postgres costs one budget for those in flight, then nothing.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import asyncpg
import orjson
import structlog
from asyncpg.prepared_stmt import PreparedStatement

from ingest.admission.dedupe import LookupKey
from ingest.metrics import IngestMetrics
from schemas.errors import Unavailable
from schemas.retry import Backoff, SayOnce

BUDGET_SECONDS = 0.1
CONNECT_SECONDS = 2.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 5.0
START_SECONDS = 1.0  # what a start waits for a first connection: without it, a restart forgets what is stored
QUERY = Path(__file__).with_name("stored_keys.sql")
SESSION = {
    "application_name": "telnyx-ledger ingest",
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",  # planning anew for every batch costs more than the look-up
    # That plan must still be right when a partition that was empty when it was made is a large one.
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
}
# The last: what asyncpg says of a connection that ended between two steps of its own.
AWAY = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

log = structlog.get_logger(__name__)


def document(wanted: Sequence[LookupKey]) -> str:
    """The parameter of the query: as one JSON document it costs two thirds of an array a column."""
    return orjson.dumps([one._asdict() for one in wanted]).decode()


class StoredKeys:
    """A connection to the event store that is kept in the background."""

    def __init__(self, database_url: str, metrics: IngestMetrics, *, budget_seconds: float = BUDGET_SECONDS) -> None:
        self._database_url = database_url
        self._metrics = metrics
        self._budget_seconds = budget_seconds
        self._query = QUERY.read_text()
        self._connection: asyncpg.Connection | None = None
        self._statement: PreparedStatement | None = None
        self._lost = asyncio.Event()
        self._tried = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to connect, and wait a moment for the first attempt: ingest starts without Postgres too."""
        self._metrics.store_away.set(1)
        self._keeper = asyncio.create_task(self._keep_connected())
        with suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS):
                await self._tried.wait()

    async def close(self) -> None:
        """Stop connecting and drop the connection."""
        if self._keeper is not None:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper
        self._drop()

    @property
    def available(self) -> bool:
        """Whether there is a connection that was not late."""
        return self._statement is not None

    async def which_are_stored(self, wanted: Sequence[LookupKey]) -> set[str]:
        """The keys of those that are stored. Raises Unavailable after the budget at the latest."""
        connection, statement = self._connection, self._statement
        if connection is None or statement is None:
            raise Unavailable("the event store is away")
        # Cutting the connection is the one time limit that a frozen server cannot stretch.
        watchdog = asyncio.get_running_loop().call_later(self._budget_seconds, self._drop)
        try:
            rows = await statement.fetch(document(wanted))
        except AWAY as error:
            self._drop()
            log.warning("store_away", error=type(error).__name__, sqlstate=getattr(error, "sqlstate", None))
            raise Unavailable("the event store is away") from error
        finally:
            watchdog.cancel()
        return {row[0] for row in rows}

    def _drop(self, connection: asyncpg.Connection | None = None) -> None:
        """Cut the connection, unless it is an earlier one that reports its own end late."""
        if self._connection is None or connection not in (None, self._connection):
            return
        dropped, self._connection, self._statement = self._connection, None, None
        self._metrics.store_away.set(1)
        self._lost.set()
        dropped.terminate()

    async def _keep_connected(self) -> None:
        loop = asyncio.get_running_loop()
        backoff, state = Backoff(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS), SayOnce()
        while True:
            began = loop.time()
            try:
                await self._connect()
            except AWAY as error:
                if state.enter("unreachable"):  # one line an outage; the metric store_away says how long
                    log.warning(
                        "store_unreachable", error=type(error).__name__, sqlstate=getattr(error, "sqlstate", None)
                    )
                self._tried.set()
            else:
                log.info("store_connected")
                state.enter("connected")
                self._tried.set()
                await self._lost.wait()
            # A server that answers the handshake and is late again afterwards must not cost a budget every moment.
            if loop.time() - began > LONGEST_PAUSE_SECONDS:
                backoff.reset()
            await asyncio.sleep(backoff.next_seconds())

    async def _connect(self) -> None:
        connection = await asyncpg.connect(self._database_url, timeout=CONNECT_SECONDS, server_settings=SESSION)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                statement = await connection.prepare(self._query)
                await statement.fetch(document([]))  # opens the partitions' caches outside anybody's budget
        except BaseException:
            connection.terminate()
            raise
        connection.add_termination_listener(self._drop)
        self._lost.clear()
        self._connection, self._statement = connection, statement
        self._metrics.store_away.set(0)
