"""Spreads a verification over processes, one a core, each with a connection of its own and a piece of work at a time.

A worker that dies, or a database that goes away, ends the whole of it; nothing outlives the process that began it.
"""

import asyncio
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait

import asyncpg

from projections.engine.database import connect, outages
from projections.integrity.checks import CheckResult, EventRange, check_keys, check_quarantine, check_range
from schemas import gc_tuning
from schemas.errors import LedgerError, Misconfigured, Unavailable
from schemas.reading.signing import Key

KEYS, QUARANTINE = "keys", "quarantine"
LOOK_SECONDS = 1.0

Work = EventRange | str  # a range, or one of the words above


def name_of(work: Work) -> str:
    """Stands for a piece of work in what is remembered of an interrupted verification."""
    return work if isinstance(work, str) else work.name


def cores() -> int:
    """How many processes can run at once here."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class WorkerSetup:
    """What every worker needs."""

    database_url: str
    keys: dict[str, Key]


@contextmanager
def workers(source: WorkerSetup, number: int) -> Iterator[list[Connection]]:
    """So many processes while the block runs. To be entered before threads are started: they are forked."""
    with ExitStack() as stack:
        yield [stack.enter_context(_worker(source)) for _ in range(number)]


def check_all(pipes: Iterable[Connection], work: Iterable[Work]) -> Iterator[tuple[Work, CheckResult]]:
    """Has the workers do it, in any order, and gives each piece as it is done.

    Raises Unavailable; LedgerError where a worker died.
    """
    todo, busy = iter(work), dict[Connection, Work]()
    idle = list(pipes)
    while True:
        for pipe, item in zip(idle, todo, strict=False):
            pipe.send(item)
            busy[pipe] = item
        if not busy:
            return
        idle = [pipe for pipe in wait(list(busy)) if isinstance(pipe, Connection)]
        for pipe in idle:
            yield busy.pop(pipe), _answer(pipe)


def _answer(pipe: Connection) -> CheckResult:
    try:
        answer: CheckResult | str = pipe.recv()
    except EOFError:
        raise LedgerError("a worker of the verification ended before its time") from None
    if isinstance(answer, str):
        raise Unavailable(answer)
    return answer


@contextmanager
def _worker(source: WorkerSetup) -> Iterator[Connection]:
    # Forked where that is safe: a fresh interpreter would need as long to start as for 5,000 signatures.
    linux = sys.platform == "linux"
    context = multiprocessing.get_context("fork") if linux else multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(source, theirs, os.getpid()), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours
    finally:
        ours.close()
        process.kill()  # it only reads
        process.join()


def _run(source: WorkerSetup, pipe: Connection, parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; our parent ends us
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    gc_tuning.freeze_startup_objects()
    with asyncio.Runner() as runner, suppress(BrokenPipeError):
        try:
            connection = runner.run(connect(source.database_url))
            for work in _asked(pipe, parent):
                pipe.send(runner.run(_check(connection, source, work)))
        except (Unavailable, Misconfigured) as away:
            pipe.send(str(away))


def _asked(pipe: Connection, parent: int) -> Iterator[Work]:
    """What is sent, until whoever sends is gone: a killed one leaves other workers behind, who hold the pipe open."""
    while os.getppid() == parent:
        if pipe.poll(LOOK_SECONDS):
            try:
                yield pipe.recv()
            except EOFError:
                return


async def _check(connection: asyncpg.Connection, source: WorkerSetup, work: Work) -> CheckResult:
    with outages():
        await connection.execute("set statement_timeout = 0; set max_parallel_workers_per_gather = 0")
        if isinstance(work, EventRange):
            return await check_range(connection, source.keys, work)
        return await (check_keys(connection) if work == KEYS else check_quarantine(connection, source.keys))
