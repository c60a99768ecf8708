"""The time from a request to its 2xx, and to its visible row.

An open loop: a request is due at its time whether or not earlier ones are answered. The times are absolute: client,
ingest, projector, broker and Postgres share the cores of this machine.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import asyncpg

from schemas.reading.event import read
from tests.benchmarks.load.environment import ROUNDS, Figures, ingest, listening, running, send
from tests.benchmarks.load.requests import request, traffic
from tests.support.environment.programs import PROGRAM, free_port

CONNECTIONS = 64
SECONDS = 10  # of a round
LOADS = (  # name, connections, webhooks a second (0: closed loop)
    ("closed loop, 32 connections", 32, 0),
    ("closed loop, 256 connections", 256, 0),
    ("open loop at 1,000/s", CONNECTIONS, 1000),
)
QUANTILES = {"p50_ms": "p50", "p99_ms": "p99", "p999_ms": "p99.9"}
POLL_SECONDS = 0.005
PATIENCE_SECONDS = 120


async def seen_at(url: str, expected: Collection[str]) -> dict[str, float]:
    """By event_key, when each event became visible to a reader that polls new positions every 5 ms."""
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


def answers(variables: Mapping[str, str], say: Callable[[str], None]) -> Figures:
    """Closed loops, where each connection sends after its last answer, and an open loop."""
    found: Figures = {}
    with ingest(variables):
        send(variables, [request(item) for item in traffic(2000, f"{time.time_ns()}")], CONNECTIONS)
        for number in range(ROUNDS):
            say(f"answers, round {number + 1} of {ROUNDS}")
            for name, connections, per_second in LOADS:
                requests = [request(item) for item in traffic(int((per_second or 1000) * SECONDS), f"{time.time_ns()}")]
                one = send(variables, requests, connections, per_second=per_second)
                for what in ("per_second", *QUANTILES) if not per_second else QUANTILES:
                    unit = "webhooks/s" if what == "per_second" else "ms"
                    found.setdefault(f"{name}: {QUANTILES.get(what, 'answered')}", ([], unit))[0].append(one[what])
    return found


def visible(variables: Mapping[str, str], say: Callable[[str], None]) -> Figures:
    """The time from when a request was due to its visible row, at 500/s, in both modes."""
    found: Figures = {}
    for name, mode in (("Kafka", kafka_mode), ("embedded", embedded_mode)):
        with mode(variables) as of_mode:
            for number in range(1 + ROUNDS):
                say(f"POST to visible row, {name} mode, round {number} of {ROUNDS}")
                took = _took(of_mode)
                for quantile, share in (("p50", 0.5), ("p99", 0.99)) if number else ():  # the first round warms up
                    values, _ = found.setdefault(f"POST to visible row at 500/s, {name} mode: {quantile}", ([], "ms"))
                    values.append(took[int(len(took) * share)])
    return found


def _took(variables: Mapping[str, str]) -> list[float]:
    """In ms, sorted."""
    items = traffic(int(500 * SECONDS), f"{time.time_ns()}")
    requests, keys = [request(item) for item in items], [read(item.body).key for item in items]
    seen: dict[str, float] = {}

    def watch(_: object) -> None:
        seen.update(asyncio.run(seen_at(variables["DATABASE_URL"], keys)))

    due = send(variables, requests, CONNECTIONS, per_second=500, beside=watch)["due"]
    return sorted((seen[key] - due[key]) * 1000 for key in keys)


@contextmanager
def kafka_mode(variables: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    """`ingest` and `project`."""
    with ExitStack() as stack:
        stack.enter_context(
            running([str(PROGRAM), "project"], {**variables, "LEDGER_PROJECTOR_PORT": str(free_port())})
        )
        stack.enter_context(ingest(variables))
        yield variables


@contextmanager
def embedded_mode(variables: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    """`dev`, over the same database."""
    own = {**variables, "LEDGER_SPOOL_DIR": variables["LEDGER_SPOOL_DIR"] + "-dev", "LEDGER_PORT": str(free_port())}
    Path(own["LEDGER_SPOOL_DIR"]).mkdir(exist_ok=True)
    with listening([str(PROGRAM), "dev"], own, within_seconds=60):
        yield own
