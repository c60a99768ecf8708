"""`make fuzz`: COUNT bodies, a quarter as many connections, a tenth as many bit flips.

Harmful input is saved in tests/fuzzing/corpus, which every later test run reads.
"""

import argparse
import asyncio
import sys
import time

from tests.fuzzing import endpoint, flips, reading
from tests.support.environment.programs import starting


def say(line: object) -> None:
    """Prints a line and flushes it: people watch long runs."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Exit status 0 if nothing was found. Otherwise the exception names the saved file."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzzing", description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    given = parser.parse_args()
    say(f"seed {given.seed}: {given.count} bodies")
    say(asyncio.run(reading.run(given.seed, given.count)))
    asyncio.run(_over_http(given.seed, given.count))


async def _over_http(seed: int, count: int) -> None:
    with starting() as programs:
        async with endpoint.Endpoint.started(programs) as ingest:
            say(f"seed {seed}: {count // 4} connections")
            say(dict(await endpoint.fuzz(ingest, seed, count // 4)))
            say(f"seed {seed}: {count // 10} bit flips")
            say(dict(await flips.assert_all_refused(ingest, seed, count // 10)))


if __name__ == "__main__":
    main()
