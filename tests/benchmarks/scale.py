"""`python -m tests.benchmarks.scale`: one and two processes of `ingest` and of `project`, held to one and to two cores.

Only they are held: clients, broker and Postgres take what is left, which on a machine with two cores is little; so the
table says what a second process costs, and a second core gives, not how far it goes.
"""

import asyncio
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from rich.console import Console
from rich.table import Table

from tests.benchmarks.growth import stored
from tests.benchmarks.load.environment import (
    CONNECTIONS,
    PROGRAM,
    ROUNDS,
    cpu_seconds,
    environment,
    free_port,
    ingest,
    running,
    send,
)
from tests.benchmarks.load.requests import Verifications, request, traffic

COUNT = 20_000
PATIENCE_SECONDS = 300
SHAPES = ((1, 1), (1, 2), (2, 1), (2, 2))  # cores, processes

Taken = tuple[float, float]  # a second; verifications of CPU each


def pin(pid: int, cores: Sequence[int]) -> None:
    """All threads that there are, and so those that they start."""
    for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 -- names, not paths
        os.sched_setaffinity(int(thread), cores)


def accepted(variables: Mapping[str, str], cores: Sequence[int], processes: int) -> Taken:
    """Webhooks, each process with a port, a spool and clients of its own, as behind a balancer."""
    sites = [
        {**variables, "LEDGER_PORT": str(free_port()), "LEDGER_SPOOL_DIR": f"{variables['LEDGER_SPOOL_DIR']}-{number}"}
        for number in range(processes)
    ]
    with ExitStack() as stack, ThreadPoolExecutor(processes) as clients:
        pids = [stack.enter_context(ingest(site)) for site in sites]
        for pid in pids:
            pin(pid, cores)
        items = traffic(COUNT, f"{time.time_ns()}")
        unit, units = Verifications(items), list[float]()
        parts = [[request(item) for item in items[number::processes]] for number in range(processes)]
        before, began = sum(map(cpu_seconds, pids)), time.perf_counter()
        sending = [
            clients.submit(send, site, part, CONNECTIONS // processes) for site, part in zip(sites, parts, strict=True)
        ]
        units.append(unit.beside_seconds(lambda: not all(client.done() for client in sending)))
        seconds, spent = time.perf_counter() - began, sum(map(cpu_seconds, pids)) - before
        for client in sending:
            assert set(client.result()["answers"]) == {"200 accepted"}, client.result()["answers"]
    return COUNT / seconds, spent / COUNT / units[0]


def projected(variables: Mapping[str, str], cores: Sequence[int], processes: int) -> Taken:
    """Events that wait in Kafka, signatures verified; the start is left out, and the first batches with it."""
    items = traffic(COUNT, f"{time.time_ns()}")
    before = asyncio.run(stored(variables["DATABASE_URL"]))
    with ingest(variables):
        send(variables, [request(item) for item in items], CONNECTIONS)
    unit = Verifications(items).alone_seconds()
    with ExitStack() as stack:
        sites = [{**variables, "LEDGER_PROJECTOR_PORT": str(free_port())} for _ in range(processes)]
        pids = [stack.enter_context(running([PROGRAM, "project"], site)) for site in sites]
        for pid in pids:
            pin(pid, cores)
        at_first, at_end = [
            (
                _until(variables["DATABASE_URL"], before + wanted),
                time.perf_counter(),
                sum(map(cpu_seconds, pids)),
            )
            for wanted in (1, COUNT)
        ]
    count, seconds, spent = (end - first for first, end in zip(at_first, at_end, strict=True))
    return count / seconds, spent / count / unit


def _until(url: str, wanted: int) -> int:
    """How many events are stored, once there are so many."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (now := asyncio.run(stored(url))) < wanted:
        assert time.monotonic() < deadline, f"{now} of {wanted} events are stored after {PATIENCE_SECONDS} s"
        time.sleep(0.02)
    return now


def main() -> None:
    """Every shape in turns, and medians of the rounds."""
    available = sorted(os.sched_getaffinity(0))
    table = Table("what", "cores", "processes", "a second", "of one on one", "verifications each")
    measures: tuple[tuple[str, Callable[..., Taken]], ...] = (("ingest", accepted), ("project", projected))
    with environment() as variables:
        for name, measure in measures:
            found: dict[tuple[int, int], list[Taken]] = {shape: [] for shape in SHAPES}
            for number in range(ROUNDS):
                Console(stderr=True).print(f"{name}, round {number + 1} of {ROUNDS}")
                for cores, processes in SHAPES:
                    found[cores, processes].append(measure(variables, available[:cores], processes))
            rates = {shape: statistics.median(rate for rate, _ in taken) for shape, taken in found.items()}
            for (cores, processes), taken in found.items():
                rate = rates[cores, processes]
                shown = (
                    f"{rate:,.0f}",
                    f"{rate / rates[1, 1]:.2f}",
                    f"{statistics.median(cost for _, cost in taken):.2f}",
                )
                table.add_row(name, str(cores), str(processes), *shown)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
