"""`telnyx-ledger` with levers for faults that no signal from outside can time. Otherwise it is the same program.

An order is a line of the file `orders-PID` in the directory LEVER_ORDERS. SIGUSR2 makes the process read it in the main
thread, between two steps of the loop. An order replaces functions of the product; the product itself has no levers.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

_true_time = time.time
_ahead_seconds = [0.0]
time.time = lambda: _true_time() + _ahead_seconds[0]  # before the product imports it

import asyncpg  # noqa: E402

from deploy.cli import main  # noqa: E402
from ingest.durable.spool_file import SpoolFile  # noqa: E402
from ingest.kafka.producer import Producer  # noqa: E402
from projections.registry import PROJECTIONS  # noqa: E402

_healthy = {projection.name: projection.rows for projection in PROJECTIONS}


def die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def clock(seconds: str) -> None:
    """Shifts the clock of the process."""
    _ahead_seconds[0] = float(seconds)


def block(seconds: str) -> None:
    """Blocks the event loop; other threads go on."""
    time.sleep(float(seconds))


def die_after_fsync() -> None:
    """Dies once a webhook is in the spool, before its answer."""
    insert, commit = SpoolFile.insert, SpoolFile.commit
    written = 0

    def counting(file: SpoolFile, rows: Iterable[Any]) -> None:
        nonlocal written
        rows = list(rows)
        written += len(rows)
        insert(file, rows)

    def last(file: SpoolFile) -> None:
        commit(file)
        if written:
            die()

    SpoolFile.insert, SpoolFile.commit = counting, last  # type: ignore[method-assign,assignment]


def die_before_delete() -> None:
    """Dies once Kafka has acknowledged a spooled record, before the spool deletes it."""
    SpoolFile.delete = die  # type: ignore[method-assign,assignment]


def die_at_acknowledgement() -> None:
    """Dies once Kafka has acknowledged the record of a request, before its answer."""
    settle = Producer._settle

    def last(producer: Producer, queue: Any, error: Any) -> None:
        if error is None:
            die()
        settle(producer, queue, error)

    Producer._settle = last  # type: ignore[method-assign,assignment]


def at_commit(act: Callable[[], object], *, sent: bool) -> None:
    """Acts at the next COMMIT: before it, or after it was sent and before its answer."""
    execute = asyncpg.Connection.execute

    async def once(self: asyncpg.Connection, query: str, *values: Any, **how: Any) -> Any:
        asked = asyncio.ensure_future(execute(self, query, *values, **how))
        if query.startswith("COMMIT") and asyncpg.Connection.execute is once:
            asyncpg.Connection.execute = execute
            if sent:
                await asyncio.sleep(0)
            act()
        return await asked

    asyncpg.Connection.execute = once


def break_projection(name: str, events: str) -> None:
    """Makes a projection fail for the next so many events, and for these every time."""
    [projection] = [known for known in PROJECTIONS if known.name == name]
    poisoned: set[Any] = set()

    def rows(event: Any, delivery: Any) -> Any:
        if len(poisoned) < int(events):
            poisoned.add(event.key)
        if event.key in poisoned:
            raise ZeroDivisionError
        return _healthy[name](event, delivery)

    object.__setattr__(projection, "rows", rows)


def heal_projection(name: str) -> None:
    """Restores a broken projection."""
    [projection] = [known for known in PROJECTIONS if known.name == name]
    object.__setattr__(projection, "rows", _healthy[name])


ORDERS: dict[str, Callable[..., object]] = {
    "clock": clock,
    "block": block,
    "die-after-fsync": die_after_fsync,
    "die-before-delete": die_before_delete,
    "die-at-acknowledgement": die_at_acknowledgement,
    "die-at-commit": lambda: at_commit(die, sent=True),
    "freeze-in-transaction": lambda: at_commit(lambda: os.kill(os.getpid(), signal.SIGSTOP), sent=False),
    "break": break_projection,
    "heal": heal_projection,
}


def obey(*_: object) -> None:
    """Executes every order of the file. The file is renamed first: that tells the sender they were taken."""
    orders = Path(os.environ["LEVER_ORDERS"]) / f"orders-{os.getpid()}"
    taken = orders.rename(orders.with_suffix(".taken"))
    for line in taken.read_text().splitlines():
        name, *values = line.split()
        ORDERS[name](*values)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR2, obey)
    main()
