"""`python -m tests.benchmarks.verify`: the rate of `verify` over what all cores can verify.

The limit is every core verifying bodies of the same store by PyNaCl, from memory and in separate processes. The rest
is for Postgres, reading bodies, seals and the search for repeated keys. The half second in which Python starts is
reported separately: it is a tenth of 100,000 events, and nothing of ten million.
"""

import argparse
import asyncio
import multiprocessing
import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from multiprocessing.synchronize import Barrier
from pathlib import Path

import asyncpg
from nacl.signing import VerifyKey
from rich.console import Console

from projections.integrity.workers import cores
from tests.benchmarks.growth import stored
from tests.benchmarks.stored import events as stored_events
from tests.benchmarks.stored.__main__ import execute, kept
from tests.support.environment.programs import PROGRAM, clean_environment

SAMPLE = 5000
TARGET = 0.8
_CONSOLE = Console(stderr=True)

Signed = tuple[bytes, bytes, bytes]  # public key, message, signature


@contextmanager
def store(events: int, directory: Path | None) -> Iterator[dict[str, str]]:
    """A database with events, all sealed except the newest few; gives the variables that lead to it.

    It is the database of the directory, which `stored` has filled, or a new one with about so many events.
    """
    with tempfile.TemporaryDirectory(prefix="ledger-bench-", ignore_cleanup_errors=True) as name, ExitStack() as stack:
        url = stack.enter_context(kept(directory or Path(name)))
        if directory is None:
            ends_at = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
            stored_events.load(url, events, ends_at, lambda _: None)
            asyncio.run(execute(url, "vacuum (freeze, analyze) telnyx.events"))
        variables = clean_environment({"DATABASE_URL": url, "LEDGER_DATA_DIR": name})
        subprocess.run([PROGRAM, "seal", "now"], env=variables, check=True, stdout=subprocess.DEVNULL)
        yield variables


async def sample(url: str) -> list[Signed]:
    """Some of the stored bodies, to measure the limit."""
    connection = await asyncpg.connect(url)
    public = {key.key_id: key.public_key for key in stored_events.ring().keys}
    rows = await connection.fetch(
        "select key_id, signed_timestamp, body, signature from telnyx.events tablesample system (5) limit $1", SAMPLE
    )
    await connection.close()
    return [
        (public[row["key_id"]], row["signed_timestamp"].encode() + b"|" + row["body"], row["signature"]) for row in rows
    ]


def limit(items: Sequence[Signed], turns: int) -> float:
    """Signatures per second of all cores together."""
    number = cores()
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(number + 1)
    processes = [context.Process(target=_verify, args=(items, turns, barrier)) for _ in range(number)]
    for process in processes:
        process.start()
    barrier.wait()
    began = time.perf_counter()
    for process in processes:
        process.join()
    return len(items) * turns * number / (time.perf_counter() - began)


def _verify(items: Sequence[Signed], turns: int, barrier: Barrier) -> None:
    keys = {public: VerifyKey(public) for public, _, _ in items}
    barrier.wait()
    for _ in range(turns):
        for public, message, signature in items:
            keys[public].verify(message, signature)


def rate(variables: dict[str, str], events: int) -> tuple[float, float]:
    """Events per second of `telnyx-ledger verify`: as it reports, and as a person at a terminal waits for it."""
    began = time.perf_counter()
    said = subprocess.run([PROGRAM, "verify"], env=variables, check=True, capture_output=True, text=True).stdout
    waited = time.perf_counter() - began
    found = re.match(rf"{events} events, .* \((.*) s\)$", said)
    if not found:
        raise ValueError(said)
    return events / float(found[1]), events / waited


def main() -> None:
    """Prints the ratio of each round. Exit status 1 if the median is below the target."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--events", type=int, default=100_000)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument(
        "--directory", type=Path, help="of a database that `stored` has filled, instead of a new one"
    )
    given = arguments.parse_args()
    made = "what is not sealed yet" if given.directory else f"about {given.events:,} events, made, signed and copied,"
    _CONSOLE.print(f"{made} is sealed")
    ratios, say = [], Console(width=150, highlight=False).print
    with store(given.events, given.directory) as variables:
        url = variables["DATABASE_URL"]
        events, items = asyncio.run(stored(url)), asyncio.run(sample(url))
        turns = max(1, min(events, 100_000) // (2 * len(items) * cores()))
        rate(variables, events)  # reads the pages into memory
        for number in range(given.rounds):
            # Before and after, because the speed of a shared machine changes.
            before, (verified, waited), after = limit(items, turns), rate(variables, events), limit(items, turns)
            ratios.append(verified / statistics.mean((before, after)))
            say(
                f"round {number + 1}: limit {before:,.0f} and {after:,.0f} signatures/s on {cores()} cores, "
                f"verify {verified:,.0f} events/s, ratio {ratios[-1]:.3f}; {waited:,.0f} events/s with its start"
            )
    median = statistics.median(ratios)
    say(f"verify, {events:,} events: {median:.3f} of the limit (target {TARGET})")
    raise SystemExit(median < TARGET)


if __name__ == "__main__":
    main()
