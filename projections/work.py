"""What a batch comes to before Postgres is asked: decoded, verified, judged, folded; nothing here touches a table.

It is done in slices between which the loop runs, so that one batch is prepared while another one is committed.
"""

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypeVar

from projections.event_store import Appended, appended
from projections.projection import Projection, Routing, Stored
from projections.quarantine import Parked, judge, signature_holds
from projections.writing import Prepared, prepare
from schemas.event import read
from schemas.record import Arrival, decode
from schemas.signing import Key

SLICE = 50  # about half a millisecond
VERIFY_THREADS = min(4, os.cpu_count() or 1)
T = TypeVar("T")
U = TypeVar("U")


class Incoming(NamedTuple):
    """A record as it was read. `appended_at` stands in where its `ledger_received_at` is unreadable."""

    value: bytes
    headers: Sequence[tuple[str, bytes]]
    appended_at: datetime


@dataclass(frozen=True, slots=True)
class Work:
    """A batch, ready to be written: what its events are to `events` and to each projection, and what is parked.

    `keys` has the event_key or quarantine_key of every record, in their order. `prepared` is None where the code of a
    projection failed: which event is at fault is found one by one.
    """

    keys: Sequence[str]
    events: Sequence[Stored]
    parked: Sequence[Parked]
    feeds: Mapping[Projection, Sequence[Stored]]
    prepared: Sequence[Prepared] | None
    appended: Appended


class Workshop:
    """Makes work of batches. Signatures are verified in threads (libsodium releases the GIL) while bodies are read."""

    def __init__(self, routing: Routing, *, verify: bool) -> None:
        self._routing = routing
        self._verify = verify
        self._threads = ThreadPoolExecutor(VERIFY_THREADS, thread_name_prefix="verify")

    def close(self) -> None:
        """Lets go of the threads."""
        self._threads.shutdown()

    async def work(self, batch: Sequence[Incoming], keys: Mapping[str, Key]) -> Work:
        """Everything that is known of a batch without asking. Never raises for what is in it."""
        arrivals = await in_slices(_arrival, batch)
        verified = [] if not self._verify else self._verification(arrivals, keys)
        found = await in_slices(read, [item.value for item in batch])
        checks: list[bool | None] = [check for part in await asyncio.gather(*verified) for check in part]
        events: dict[str, Stored] = {}
        parked: list[Parked] = []
        for arrival, content, check in zip(arrivals, found, checks or [None] * len(batch), strict=True):
            judged = judge(arrival, content, keys, verified=check)
            if isinstance(judged, Parked):
                parked.append(judged)
            else:
                events.setdefault(judged[0].key, judged)
        return await self.of([content.key for content in found], list(events.values()), parked)

    async def of(self, keys: Sequence[str], events: Sequence[Stored], parked: Sequence[Parked]) -> Work:
        """The work that these events and parked deliveries are."""
        feeds = self._routing.feeds(events)
        prepared: list[Prepared] | None
        try:
            prepared = [await prepare(projection, given) for projection, given in feeds.items()]
        except Exception:  # noqa: BLE001 -- whatever a projection raises is its fault alone
            prepared = None
        return Work(keys, events, parked, feeds, prepared, appended(events))

    def _verification(self, arrivals: Sequence[Arrival], keys: Mapping[str, Key]) -> list["asyncio.Future[list[bool]]"]:
        loop = asyncio.get_running_loop()
        size = -(-len(arrivals) // VERIFY_THREADS) or 1
        parts = [arrivals[start : start + size] for start in range(0, len(arrivals), size)]
        return [loop.run_in_executor(self._threads, _check, part, keys) for part in parts]


async def in_slices(step: Callable[[T], U], items: Sequence[T]) -> list[U]:
    """`step` of each item; others get their turn in between."""
    done: list[U] = []
    for start in range(0, len(items), SLICE):
        done += map(step, items[start : start + SLICE])
        await asyncio.sleep(0)
    return done


def _arrival(item: Incoming) -> Arrival:
    return decode(item.value, item.headers, fallback_received_at=item.appended_at)


def _check(arrivals: Iterable[Arrival], keys: Mapping[str, Key]) -> list[bool]:
    return [signature_holds(arrival.delivery, keys) for arrival in arrivals]
