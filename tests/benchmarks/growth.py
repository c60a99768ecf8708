"""`python -m tests.benchmarks.growth --small DIR --large DIR`: the cost of a webhook and of an event as a ledger grows.

Two databases of `stored`, with default autovacuum, measured in turns under the same conditions; the result is the large
one over the small one. A server that has just started reads from disk the indexes that batches insert into, so they are
read first.
"""

import argparse
import asyncio
import statistics
import time
from pathlib import Path

import asyncpg
from rich.console import Console
from rich.table import Table

from tests.benchmarks import projector
from tests.benchmarks.load.environment import CONNECTIONS, ROUNDS, cost, environment, ingest, send
from tests.benchmarks.load.requests import Verifications, request, traffic
from tests.benchmarks.stored.__main__ import kept
from tests.support.environment.programs import free_port
from tests.support.sql.connections import fetchval

COUNT = 6000
MOST = 1.25
PATIENCE_SECONDS = 600
WARM = (
    "select message_id, recipient from telnyx.message_deliveries order by 1, 2",
    "select phone_number, occurred_at, event_key from telnyx.person_events order by 1, 2, 3",
    """select account, event_id, occurred_at from telnyx.events
       where event_id is not null and occurred_at > now() - interval '31 days' order by 1, 2, 3""",
)


async def stored(url: str) -> int:
    """The number of stored events."""
    count: int = await fetchval(url, "select count(*) from telnyx.events")
    return count


async def warm(url: str) -> None:
    """Reads these indexes into memory."""
    connection = await asyncpg.connect(url)
    await connection.execute("set enable_seqscan = off; set enable_bitmapscan = off; set enable_sort = off")
    for walk in WARM:
        await connection.execute(f"select count(*) from ({walk} offset 0) as walk", timeout=PATIENCE_SECONDS)
    await connection.close()


def main() -> None:
    """Prints the medians. Exit status 1 if a ratio is above its bound."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.growth", description=__doc__)
    parser.add_argument("--small", type=Path, required=True)
    parser.add_argument("--large", type=Path, required=True)
    given, say = parser.parse_args(), Console(stderr=True).print
    taken: dict[str, tuple[list[float], list[float]]] = {}
    with kept(given.small) as small, kept(given.large) as large, environment(small) as variables:
        urls = (small, large)
        counts = [asyncio.run(stored(url)) for url in urls]
        for url in urls:
            asyncio.run(warm(url))
        targets = []
        for number, url in enumerate(urls):
            spool = f"{variables['LEDGER_SPOOL_DIR']}-{number}"
            own = {"DATABASE_URL": url, "LEDGER_PORT": str(free_port()), "LEDGER_SPOOL_DIR": spool}
            targets.append({**variables, **own})
        with ingest(targets[0]) as first, ingest(targets[1]) as second:
            for number in range(1 + ROUNDS):
                say(f"ingress, round {number} of {ROUNDS}")
                for turn, (target, pid) in enumerate(zip(targets, (first, second), strict=True)):
                    items = traffic(COUNT, f"{time.time_ns()}")
                    requests = [request(item) for item in items]
                    if number:  # the first round warms up
                        spent, unit = cost(target, pid, requests, "200 accepted", Verifications(items))
                        taken.setdefault("ingress, verifications", ([], []))[turn].append(spent / unit)
                    else:
                        send(target, requests, CONNECTIONS)
        for number in range(1 + ROUNDS):
            say(f"projector, round {number} of {ROUNDS}")
            for turn, url in enumerate(urls):
                incoming = [
                    projector.as_read(event, delivery)
                    for event, delivery in projector.deliveries(traffic(2 * COUNT, f"{time.time_ns()}"))
                ]
                rate = asyncio.run(projector.apply_rate(url, incoming, batch=500, verify=True))
                if number:
                    taken.setdefault("projector, batches of 500, µs", ([], []))[turn].append(1e6 / rate)
    table = Table("cost of one", *(f"{count:,} stored" for count in counts), "ratio", title="medians of the rounds")
    ratios = []
    for name, values in taken.items():
        few, many = map(statistics.median, values)
        ratios.append(many / few)
        table.add_row(name, f"{few:.2f}", f"{many:.2f}", f"{ratios[-1]:.2f}")
    Console(width=120).print(table)
    if max(ratios) > MOST:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
