"""`make faults`: seed after seed of mixed faults under load, a line of figures each; stops at the first failure.

Exit status 1 and the command that replays it where a promise was broken.
"""

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from tests.faults.catalogue import FAULTS, plan
from tests.faults.injected.long_outage import kafka_away
from tests.faults.resources import Held
from tests.faults.run import explained, run
from tests.support.environment.programs import starting

AWAY_RATE = 200
COLUMNS = ("seed", "events", "faults", "lost", "twice", "not projected", "> 2 s", "other 5xx", "503", "503 unexplained")
FIGURES = ("promised", "faults", "lost", "twice", "not_projected", "late", "other_5xx", "503", "unexcused_503")


def chosen() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description="Faults under load, and a verdict.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[*range(1, 1001)], help="default: 1, 2, 3, …")
    parser.add_argument("--minutes", type=float, default=30, help="begin no seed and no fault after so long")
    parser.add_argument("--rate", type=float, default=500, help="webhooks a second")
    parser.add_argument("--turns", type=int, default=24, help="turns of one or two faults per seed")
    parser.add_argument("--short", action="store_true", help="without the faults that last long")
    parser.add_argument(
        "--steady", action="store_true", help="only faults that end none of our processes, which must hold no more then"
    )
    parser.add_argument("--fault", action="append", choices=FAULTS, help="this one alone, in every turn; repeatable")
    parser.add_argument("--away", type=float, metavar="SECONDS", help="only this: Kafka away for so long, at 200/s")
    parser.add_argument("--verbose", action="store_true", help="a line for every turn")
    return parser.parse_args()


def turns(options: argparse.Namespace, seed: int, end: float) -> Iterator[Sequence[str]]:
    """The seed's plan, as far as it was asked for and there is time."""
    own = ([name] for _ in iter(int, 1) for name in options.fault) if options.fault else None
    planned = own or plan(seed, long=not options.short)
    if options.steady:
        left = ([name for name in turn if not FAULTS[name].ends] for turn in planned)
        planned = (turn for turn in left if turn)
    for turn in islice(planned, options.turns):
        if time.monotonic() > end:
            return
        yield turn


def show(figures: Sequence[Any]) -> None:
    """A line of the table."""
    cells = [str(figure).rjust(len(column)) for figure, column in zip(figures, COLUMNS, strict=True)]
    sys.stdout.write(" | ".join(cells) + "\n")
    sys.stdout.flush()


def _show_held(held: Sequence[Held]) -> None:
    """Memory (MB) and descriptors of each process that lived long, at the beginning, in the middle and at the end."""
    for one in held:
        thirds = ", ".join(f"{look.mb:g} MB and {look.fds} descriptors" for look in one.thirds)
        sys.stdout.write(f"{one.name}, {one.looks} looks: {thirds}{'' if one.flat else ': NOT FLAT'}\n")
    assert held, "no process lived long enough"
    assert all(one.flat for one in held), held


def away(seconds: float) -> int:
    """The bounds of the README, of which `make test` sees a shorter version without them."""
    with starting() as programs, explained(programs):
        figures = asyncio.run(kafka_away(programs, seconds=seconds, rate=AWAY_RATE))
    sys.stdout.write(f"{figures}\n")
    bounds = {"p99_seconds": 0.1, "ready_seconds": 2, "drained_seconds": max(10, seconds / 5), "late": 1}
    kept = all(figures[name] < bound for name, bound in bounds.items())
    kept = kept and figures["accepted_meanwhile"] == figures["answers_meanwhile"]
    return 0 if kept else 1


def main() -> int:
    options = chosen()
    logging.basicConfig(level=logging.INFO if options.verbose else logging.WARNING, format="%(asctime)s %(message)s")
    if options.away:
        return away(options.away)
    end = time.monotonic() + 60 * options.minutes
    show(COLUMNS)
    total = dict.fromkeys(FIGURES, 0)
    for seed in options.seeds:
        if time.monotonic() > end:
            break
        less = " --short" * options.short + " --steady" * options.steady
        replay = (
            f"{sys.executable} -m tests.faults --seeds {seed} --rate {options.rate:g} --turns {options.turns}{less}"
        )
        with starting() as programs, explained(programs, replay=replay):
            figures = asyncio.run(run(programs, seed, turns(options, seed, end), rate=options.rate, wait_seconds=120))
            assert not figures["late"], figures["late_ones"]
            assert figures["unexcused_503"] < figures["promised"] / 100, figures
            if options.steady:
                _show_held(figures["held"])
        show([seed, *(figures[name] for name in FIGURES)])
        total = {name: total[name] + figures[name] for name in FIGURES}
    show(["all", *total.values()])
    return 0


if __name__ == "__main__":
    sys.exit(main())
