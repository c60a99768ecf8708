"""`telnyx-ledger` with levers inside, for what no signal from outside can time: the program is otherwise as it is.

An order is a line in the file `orders-PID` of the directory that RIG_ORDERS names, taken up at SIGUSR1 in the main
thread, between two steps of the loop. Nothing of this is in the product: functions of it are replaced when it is told.
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
time.time = lambda: _true_time() + _ahead_seconds[0]  # before anybody of the product takes it

import asyncpg  # noqa: E402

from deploy.cli import main  # noqa: E402
from ingest.durable.spool_file import SpoolFile  # noqa: E402
from ingest.kafka.producer import Producer  # noqa: E402
from projections.registry import PROJECTIONS  # noqa: E402

_healthy = {projection.name: projection.rows for projection in PROJECTIONS}


def die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def clock(seconds: str) -> None:
    """The clock of the process is off by so much from now on."""
    _ahead_seconds[0] = float(seconds)


def block(seconds: str) -> None:
    """The loop does nothing for so long; other threads go on."""
    time.sleep(float(seconds))


def die_after_fsync() -> None:
    """Once a webhook is safely in the spool, before anybody is answered."""
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
    """Once Kafka has acknowledged something of the spool, before the spool lets it go."""
    SpoolFile.delete = die  # type: ignore[method-assign,assignment]


def die_at_acknowledgement() -> None:
    """Once Kafka has acknowledged what a request waits for, before it is answered."""
    settle = Producer._settle

    def last(producer: Producer, queue: Any, error: Any) -> None:
        if error is None:
            die()
        settle(producer, queue, error)

    Producer._settle = last  # type: ignore[method-assign,assignment]


def at_commit(act: Callable[[], object], *, sent: bool) -> None:
    """Act at the next COMMIT: before it, or when it is on its way and not answered yet."""
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
    """A projection fails for the first so many events that it sees from now on, and for these again and again."""
    [projection] = [one for one in PROJECTIONS if one.name == name]
    poisoned: set[Any] = set()

    def rows(event: Any, delivery: Any) -> Any:
        if len(poisoned) < int(events):
            poisoned.add(event.key)
        if event.key in poisoned:
            raise ZeroDivisionError
        return _healthy[name](event, delivery)

    object.__setattr__(projection, "rows", rows)


def heal_projection(name: str) -> None:
    """It is as it was."""
    [projection] = [one for one in PROJECTIONS if one.name == name]
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
    """Every order that is in the file; then it is removed, so that who gave them sees that they were taken up."""
    orders = Path(os.environ["RIG_ORDERS"]) / f"orders-{os.getpid()}"
    taken = orders.rename(orders.with_suffix(".taken"))
    for line in taken.read_text().splitlines():
        name, *values = line.split()
        ORDERS[name](*values)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, obey)
    main()
