"""`python -m tests.benchmarks.latency`: how long a sender waits for his 2xx, and a reader for the row.

An open loop: a request is due at its time whether or not the ones before are answered. Absolute times, so they are of
this machine, on which client, ingest, projector, broker and Postgres share the cores.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import asyncpg
from rich.console import Console
from rich.table import Table

from schemas.event import read
from tests.benchmarks.requests import request, traffic
from tests.benchmarks.surroundings import PROGRAM, environment, free_port, ingest, listening, running, send

CONNECTIONS = 64
POLL_SECONDS = 0.005
PATIENCE_SECONDS = 120


async def seen_at(url: str, expected: Collection[str]) -> dict[str, float]:
    """When each event became visible, as somebody sees it who asks for new positions every 5 ms; by event_key."""
    connection = await asyncpg.connect(url)
    last = await connection.fetchval("select coalesce(max(position), 0) from telnyx.events")
    missing, seen = set(expected), {}
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while missing:
                rows = await connection.fetch(
                    "select position, event_key from telnyx.events where position > $1 order by position", last
                )
                now = time.perf_counter()
                keys = [str(row["event_key"]) for row in rows]
                seen.update(dict.fromkeys(keys, now))
                missing.difference_update(keys)
                last = rows[-1]["position"] if rows else last
                await asyncio.sleep(POLL_SECONDS)
    finally:
        await connection.close()
    return seen


def answers(variables: Mapping[str, str], per_second: float, seconds: float, rounds: int) -> Iterator[str]:
    """Lines about the answers of ingest at a fixed rate, over the rounds."""
    found = []
    with ingest(variables):
        send(variables, [request(item) for item in traffic(2000, f"{time.time_ns()}")], CONNECTIONS)
        for _ in range(rounds):
            requests = [request(item) for item in traffic(int(per_second * seconds), f"{time.time_ns()}")]
            found.append(send(variables, requests, CONNECTIONS, per_second=per_second))
    for name in ("p50_ms", "p99_ms", "p999_ms"):
        yield _line([one[name] for one in found])


def visible(
    variables: Mapping[str, str], per_second: float, seconds: float, rounds: int
) -> tuple[list[float], list[float]]:
    """(p50, p99) in ms of each round, from when a request was due to when its row was seen; the first only warms up."""
    halves, worst = [], []
    for _ in range(1 + rounds):
        items = traffic(int(per_second * seconds), f"{time.time_ns()}")
        requests, keys = [request(item) for item in items], [read(item.body).key for item in items]
        seen: dict[str, float] = {}

        def watch(_: object, seen: dict[str, float] = seen, keys: Collection[str] = keys) -> None:
            seen |= asyncio.run(seen_at(variables["DATABASE_URL"], keys))

        due = send(variables, requests, CONNECTIONS, per_second=per_second, beside=watch)["due"]
        took = sorted((seen[key] - due[key]) * 1000 for key in keys)
        halves.append(took[len(took) // 2])
        worst.append(took[len(took) * 99 // 100])
    return halves[1:], worst[1:]


@contextmanager
def kafka_mode(variables: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    """`ingest` and `project`."""
    with ExitStack() as stack:
        stack.enter_context(running([PROGRAM, "project"], {**variables, "LEDGER_PROJECTOR_PORT": str(free_port())}))
        stack.enter_context(ingest(variables))
        yield variables


@contextmanager
def embedded_mode(variables: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    """`dev`, over the same database."""
    own = {**variables, "LEDGER_SPOOL_DIR": variables["LEDGER_SPOOL_DIR"] + "-dev", "LEDGER_PORT": str(free_port())}
    Path(own["LEDGER_SPOOL_DIR"]).mkdir(exist_ok=True)
    with listening([PROGRAM, "dev"], own, within_seconds=60):
        yield own


def _line(values: list[float]) -> str:
    return f"{statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f})"


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10, help="of a round")
    given = parser.parse_args()
    table = Table("what", "p50 in ms", "p99", "p99.9", title="medians of the rounds (lowest to highest)")
    with environment() as variables:
        table.add_row("2xx at 1,000/s", *answers(variables, 1000, given.seconds, given.rounds))
        for name, mode in (("Kafka", kafka_mode), ("embedded", embedded_mode)):
            with mode(variables) as of_mode:
                halves, worst = visible(of_mode, 500, given.seconds, given.rounds)
            table.add_row(f"POST to visible row at 500/s, {name} mode", _line(halves), _line(worst), "")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
