"""`make fuzz`: so many bodies, a quarter of that in connections, a tenth in bit flips.

What does harm is kept in tests/fuzzing/corpus, where every later run of the tests finds it.
"""

import argparse
import asyncio
import sys
import time

from tests.fuzzing import endpoint, flips, reading
from tests.support.environment.programs import starting


def say(line: object) -> None:
    """At once, for long runs are watched."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Exit status 0 where nothing was found; the find is the message otherwise."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzzing", description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    given = parser.parse_args()
    say(f"seed {given.seed}: {given.count} bodies")
    say(asyncio.run(reading.survive(given.seed, given.count)))
    asyncio.run(_over_http(given.seed, given.count))


async def _over_http(seed: int, count: int) -> None:
    with starting() as programs:
        async with endpoint.Endpoint.started(programs) as ingest:
            say(f"seed {seed}: {count // 4} connections")
            say(dict(await endpoint.fuzz(ingest, seed, count // 4)))
            say(f"seed {seed}: {count // 10} bit flips")
            say(dict(await flips.refuse_all(ingest, seed, count // 10)))


if __name__ == "__main__":
    main()
