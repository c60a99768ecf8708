"""Asks Postgres which events are stored.

Invariant: Postgres never slows ingest down. Without a connection no request waits; a connection that is late once is
cut, and made again in the background. A stopped or frozen Postgres costs one budget for the requests in flight.
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
STORE_CONNECT_SECONDS = 2.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 5.0
# How long startup waits for Postgres. Without that wait, duplicates arriving right after a restart are published again.
START_SECONDS = 1.0
QUERY = Path(__file__).with_name("stored_keys.sql")
SESSION = {
    "application_name": "telnyx-ledger ingest",
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",  # a new plan for every batch costs more than the look-up
    # The plan stays in use after a partition that was empty at planning has become large, so it must use the index.
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
}
# asyncpg raises the last for a connection that ended between two of its own steps.
UNAVAILABLE = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

log = structlog.get_logger(__name__)


def document(keys: Sequence[LookupKey]) -> str:
    """The parameter of the query, as one JSON document."""
    # It costs two thirds of an array per column.
    return orjson.dumps([key._asdict() for key in keys]).decode()


class StoredKeys:
    """A StoredEvents over one connection, which a background task makes and renews."""

    def __init__(self, database_url: str, metrics: IngestMetrics, *, budget_seconds: float = BUDGET_SECONDS) -> None:
        self._database_url = database_url
        self._metrics = metrics
        self._budget_seconds = budget_seconds
        self._query = QUERY.read_text()
        self._connection: asyncpg.Connection | None = None
        self._statement: PreparedStatement | None = None
        self._lost = asyncio.Event()
        self._tried = asyncio.Event()
        self._reconnecting: asyncio.Task[None] | None = None

    @property
    def connecting(self) -> "asyncio.Task[None] | None":
        """The task that keeps a connection, from `start` on. Before `close` only a bug ends it."""
        return self._reconnecting

    async def start(self) -> None:
        """Begin to connect, and wait up to a second for the first attempt. ingest starts without Postgres too."""
        self._metrics.store_away.set(1)
        self._reconnecting = asyncio.create_task(self._keep_connected())
        with suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS):
                await self._tried.wait()

    async def close(self) -> None:
        if self._reconnecting is not None:
            self._reconnecting.cancel()
            with suppress(asyncio.CancelledError):
                await self._reconnecting
        self._drop()

    @property
    def available(self) -> bool:
        """Whether there is a connection that has not been late."""
        return self._statement is not None

    async def which_are_stored(self, keys: Sequence[LookupKey]) -> set[str]:
        """The event_keys of the events that are stored. Raises Unavailable after the budget at the latest."""
        connection, statement = self._connection, self._statement
        if connection is None or statement is None:
            raise Unavailable("the event store is unavailable")
        # Cutting the connection is the only time limit that holds with a frozen server.
        watchdog = asyncio.get_running_loop().call_later(self._budget_seconds, self._drop)
        try:
            rows = await statement.fetch(document(keys))
        except UNAVAILABLE as error:
            self._drop()
            log.warning("store_away", error=type(error).__name__, sqlstate=getattr(error, "sqlstate", None))
            raise Unavailable("the event store is unavailable") from error
        except Exception:  # a bug, after which the connection's state is unknown
            self._drop()
            raise
        finally:
            watchdog.cancel()
        return {row[0] for row in rows}

    def _drop(self, connection: asyncpg.Connection | None = None) -> None:
        """Cut the connection. An earlier connection that reports its end late is ignored."""
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
            except UNAVAILABLE as error:
                if state.enter("unreachable"):  # the metric ledger_store_away shows how long the outage lasts
                    log.warning(
                        "store_unreachable", error=type(error).__name__, sqlstate=getattr(error, "sqlstate", None)
                    )
                self._tried.set()
            else:
                log.info("store_connected")
                state.enter("connected")
                self._tried.set()
                await self._lost.wait()
            # The pause grows also for a server that answers the handshake and is then late: each try costs a budget.
            if loop.time() - began > LONGEST_PAUSE_SECONDS:
                backoff.reset()
            await asyncio.sleep(backoff.next_seconds())

    async def _connect(self) -> None:
        connection = await asyncpg.connect(self._database_url, timeout=STORE_CONNECT_SECONDS, server_settings=SESSION)
        try:
            async with asyncio.timeout(STORE_CONNECT_SECONDS):
                statement = await connection.prepare(self._query)
                await statement.fetch(document([]))  # fills the partitions' caches before a request waits
        except BaseException:
            connection.terminate()
            raise
        connection.add_termination_listener(self._drop)
        self._lost.clear()
        self._connection, self._statement = connection, statement
        self._metrics.store_away.set(0)
