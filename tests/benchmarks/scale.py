"""`python -m tests.benchmarks.scale`: one and two processes of `ingest` and of `project`, pinned to one and two cores.

Only they are pinned: clients, broker and Postgres use the rest, which is little on a machine with two cores. So the
table says what a second process costs and a second core gives, not how far it scales.
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

Rate = tuple[float, float]  # events per second; verifications of CPU for each


def pin(pid: int, cores: Sequence[int]) -> None:
    """Pins all threads, and thereby the threads that they start."""
    for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 -- names, not paths
        os.sched_setaffinity(int(thread), cores)


def accepted(variables: Mapping[str, str], cores: Sequence[int], processes: int) -> Rate:
    """Webhooks; each process has a port, a spool and clients, as behind a load balancer."""
    targets = [
        {**variables, "LEDGER_PORT": str(free_port()), "LEDGER_SPOOL_DIR": f"{variables['LEDGER_SPOOL_DIR']}-{number}"}
        for number in range(processes)
    ]
    with ExitStack() as stack, ThreadPoolExecutor(processes) as clients:
        pids = [stack.enter_context(ingest(target)) for target in targets]
        for pid in pids:
            pin(pid, cores)
        items = traffic(COUNT, f"{time.time_ns()}")
        unit, units = Verifications(items), list[float]()
        parts = [[request(item) for item in items[number::processes]] for number in range(processes)]
        before, began = sum(map(cpu_seconds, pids)), time.perf_counter()
        sending = [
            clients.submit(send, target, part, CONNECTIONS // processes)
            for target, part in zip(targets, parts, strict=True)
        ]
        units.append(unit.beside_seconds(lambda: not all(client.done() for client in sending)))
        seconds, spent = time.perf_counter() - began, sum(map(cpu_seconds, pids)) - before
        for client in sending:
            assert set(client.result()["answers"]) == {"200 accepted"}, client.result()["answers"]
    return COUNT / seconds, spent / COUNT / units[0]


def projected(variables: Mapping[str, str], cores: Sequence[int], processes: int) -> Rate:
    """Events that wait in Kafka, with signatures verified. The start and the first batches are left out."""
    items = traffic(COUNT, f"{time.time_ns()}")
    before = asyncio.run(stored(variables["DATABASE_URL"]))
    with ingest(variables):
        send(variables, [request(item) for item in items], CONNECTIONS)
    unit = Verifications(items).alone_seconds()
    with ExitStack() as stack:
        targets = [{**variables, "LEDGER_PROJECTOR_PORT": str(free_port())} for _ in range(processes)]
        pids = [stack.enter_context(running([PROGRAM, "project"], target)) for target in targets]
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
    """The number of stored events, once there are so many."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (now := asyncio.run(stored(url))) < wanted:
        assert time.monotonic() < deadline, f"{now} of {wanted} events are stored after {PATIENCE_SECONDS} s"
        time.sleep(0.02)
    return now


def main() -> None:
    """Prints the medians of all shapes, measured in turns."""
    available = sorted(os.sched_getaffinity(0))
    table = Table("what", "cores", "processes", "a second", "of one on one", "verifications each")
    measures: tuple[tuple[str, Callable[..., Rate]], ...] = (("ingest", accepted), ("project", projected))
    with environment() as variables:
        for name, measure in measures:
            found: dict[tuple[int, int], list[Rate]] = {shape: [] for shape in SHAPES}
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
