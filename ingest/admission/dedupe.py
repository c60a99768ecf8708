"""Keeps duplicates out of Kafka: recent keys, deliveries in flight, then the event store.

Invariant: a key is remembered only after its record is durable. An error here may publish an event twice, which the
primary key of `events` resolves; it never drops one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from enum import Enum, auto
from itertools import islice
from typing import NamedTuple, ParamSpec, Protocol

import structlog

from ingest.metrics import IngestMetrics
from schemas.errors import Unavailable
from schemas.reading.event import Event
from schemas.retry import SayOnce

P = ParamSpec("P")

# Just below the size at which CPython doubles the table of a set. Two full generations take about 19 MB.
GENERATION_KEYS = 75_000
LOOK_UP_KEYS = 500

log = structlog.get_logger(__name__)


class LookupKey(NamedTuple):
    """The primary key of `events`."""

    retention_class: str
    occurred_at: datetime
    event_key: str

    @classmethod
    def of(cls, event: Event) -> "LookupKey":
        return cls(event.retention_class, event.occurred_at, event.key)


class DedupeResult(Enum):
    """The result of one delivery of an event, or of a quarantined delivery."""

    NEW = auto()
    KNOWN = auto()
    FAILED = auto()
    ABANDONED = auto()  # its request was cancelled before the end: another delivery has to do the work


class RecentKeys:
    """The last 75,000 to 150,000 keys, in two generations. A whole generation is dropped at once."""

    def __init__(self, newest_first: Iterable[str] = (), *, generation_keys: int = GENERATION_KEYS) -> None:
        self._generation_keys = generation_keys
        self._young: set[str] = set()
        self._old: set[str] = set(islice(newest_first, generation_keys))

    def __contains__(self, key: str) -> bool:
        return key in self._young or key in self._old

    def add(self, key: str) -> None:
        self._young.add(key)
        if len(self._young) >= self._generation_keys:
            self._old, self._young = self._young, set()


class Dedupe:
    """Runs the work for a key once, however many deliveries with that key are in flight."""

    def __init__(self, recent: RecentKeys) -> None:
        self._recent = recent
        self._in_flight: dict[str, list[asyncio.Future[DedupeResult]]] = {}

    def knows(self, key: str) -> bool:
        """Whether the key is known to be durable, from memory alone."""
        return key in self._recent

    async def once(
        self, key: str, work: Callable[P, Awaitable[DedupeResult]], *args: P.args, **kwargs: P.kwargs
    ) -> DedupeResult:
        """Run `work` for the first delivery of a key, while the others wait for it.

        Returns NEW for the delivery whose work made the record durable, KNOWN for every other, or FAILED for all. If
        the first delivery is cancelled (its client disconnected), one of the waiting deliveries runs the work instead.
        """
        while True:
            if key in self._recent:
                return DedupeResult.KNOWN
            waiting = self._in_flight.get(key)
            if waiting is None:
                break
            future: asyncio.Future[DedupeResult] = asyncio.get_running_loop().create_future()
            waiting.append(future)
            outcome = await future
            if outcome is not DedupeResult.ABANDONED:
                return outcome
        waiting = self._in_flight[key] = []
        shared = DedupeResult.ABANDONED
        try:
            outcome = await work(*args, **kwargs)
            shared = DedupeResult.FAILED if outcome is DedupeResult.FAILED else DedupeResult.KNOWN
            if shared is DedupeResult.KNOWN:
                self._recent.add(key)
            return outcome
        finally:
            del self._in_flight[key]
            for future in waiting:
                if not future.done():
                    future.set_result(shared)


class StoredEvents(Protocol):
    """The event store, as a look-up sees it."""

    @property
    def available(self) -> bool:
        """Whether the event store can be asked now. Costs nothing."""

    async def which_are_stored(self, keys: Sequence[LookupKey]) -> set[str]:
        """The event_keys of the events that are stored. Raises Unavailable within the store's own budget."""


class LookUps:
    """One query in flight at most. Events that arrive meanwhile form the next query.

    `wait_for_idle_producer` is awaited before each query. Events that are looked up together are then also published
    together, in fewer and larger requests of both kinds.
    """

    def __init__(
        self, store: StoredEvents, metrics: IngestMetrics, *, wait_for_idle_producer: Callable[[], Awaitable[None]]
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._wait_for_idle_producer = wait_for_idle_producer
        self._waiting: list[tuple[LookupKey, asyncio.Future[bool]]] = []
        self._worker: asyncio.Task[None] | None = None
        self._surprise = SayOnce()

    async def stored(self, key: LookupKey) -> bool:
        """Whether the event is stored. False where the store does not answer."""
        if not self._store.available:
            self._metrics.looked_up["away"].inc()
            return False
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((key, future))
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())
        return await future

    async def _work(self) -> None:
        try:
            while self._waiting:
                await self._wait_for_idle_producer()
                batch, self._waiting = self._waiting[:LOOK_UP_KEYS], self._waiting[LOOK_UP_KEYS:]
                await self._ask(batch)
                await asyncio.sleep(0)  # events that are being read from their sockets now may join the next query
        except Exception as error:
            # Not stored is the answer that loses nothing: at worst an event is in Kafka twice.
            if self._surprise.enter(type(error).__name__):
                log.exception("look_up_failed")
        finally:
            self._worker = None
            left, self._waiting = self._waiting, []
            self._metrics.looked_up["away"].inc(len(left))
            _answer(left, set())

    async def _ask(self, batch: Sequence[tuple[LookupKey, asyncio.Future[bool]]]) -> None:
        found: set[str] = set()
        try:
            found = await self._store.which_are_stored([key for key, _ in batch])
        except Unavailable:
            # Events behind this batch have waited as long: they get the same answer instead of another query.
            batch, self._waiting = [*batch, *self._waiting], []
            self._metrics.looked_up["away"].inc(len(batch))
        else:
            self._metrics.looked_up["stored"].inc(len(found))
            self._metrics.looked_up["new"].inc(len(batch) - len(found))
            self._metrics.look_up_batch.observe(len(batch))
        finally:
            _answer(batch, found)


def _answer(batch: Sequence[tuple[LookupKey, asyncio.Future[bool]]], found: set[str]) -> None:
    for key, future in batch:
        if not future.done():
            future.set_result(key.event_key in found)
