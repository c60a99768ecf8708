"""`make faults`: mixed faults under load, one line of figures per seed; stops at the first failure.

A lost or wrong row gives exit status 1 and the command that replays the seed.
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
from tests.faults.injected.kafka_outage import kafka_outage
from tests.faults.process_samples import Held
from tests.faults.run import explained, run
from tests.support.environment.programs import starting

OUTAGE_RATE = 200
COLUMNS = ("seed", "events", "faults", "lost", "twice", "not projected", "> 2 s", "other 5xx", "503", "503 unexplained")
FIGURES = ("promised", "faults", "lost", "twice", "not_projected", "late", "other_5xx", "503", "unexcused_503")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults", description="Inject faults under load and check every 2xx."
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[*range(1, 1001)], help="default: 1, 2, 3, …")
    parser.add_argument("--minutes", type=float, default=30, help="start no seed and no fault after this time")
    parser.add_argument("--rate", type=float, default=500, help="webhooks a second")
    parser.add_argument("--turns", type=int, default=24, help="turns per seed, each of one or two faults")
    parser.add_argument("--short", action="store_true", help="leave out the long faults")
    parser.add_argument(
        "--steady", action="store_true", help="only faults that end no process; memory and descriptors must stay flat"
    )
    parser.add_argument("--fault", action="append", choices=FAULTS, help="only this fault, in every turn; repeatable")
    parser.add_argument("--outage", type=float, metavar="SECONDS", help="only this: stop Kafka for so long, at 200/s")
    parser.add_argument("--verbose", action="store_true", help="print a line per turn")
    return parser.parse_args()


def turns(options: argparse.Namespace, seed: int, end: float) -> Iterator[Sequence[str]]:
    """The turns of a seed, cut to the options and to the time left."""
    chosen = ([name] for _ in iter(int, 1) for name in options.fault) if options.fault else None
    planned = chosen or plan(seed, long=not options.short)
    if options.steady:
        left = ([name for name in turn if not FAULTS[name].ends] for turn in planned)
        planned = (turn for turn in left if turn)
    for turn in islice(planned, options.turns):
        if time.monotonic() > end:
            return
        yield turn


def show(figures: Sequence[Any]) -> None:
    """Prints one line of the table."""
    cells = [str(figure).rjust(len(column)) for figure, column in zip(figures, COLUMNS, strict=True)]
    sys.stdout.write(" | ".join(cells) + "\n")
    sys.stdout.flush()


def _show_held(held: Sequence[Held]) -> None:
    """Prints memory and descriptors of each long-lived process, by thirds of its life."""
    for process in held:
        thirds = ", ".join(f"{sample.mb:g} MB and {sample.fds} descriptors" for sample in process.thirds)
        sys.stdout.write(f"{process.name}, {process.samples} samples: {thirds}{'' if process.flat else ': NOT FLAT'}\n")
    assert held, "no process lived long enough"
    assert all(process.flat for process in held), held


def outage(seconds: float) -> int:
    """One Kafka outage with the bounds of the README. `make test` runs a short one without them."""
    with starting() as programs, explained(programs):
        figures = asyncio.run(kafka_outage(programs, seconds=seconds, rate=OUTAGE_RATE))
    sys.stdout.write(f"{figures}\n")
    bounds = {"p99_seconds": 0.1, "ready_seconds": 2, "drained_seconds": max(10, seconds / 5), "late": 1}
    kept = all(figures[name] < bound for name, bound in bounds.items())
    kept = kept and figures["accepted_meanwhile"] == figures["answers_meanwhile"]
    return 0 if kept else 1


def main() -> int:
    options = parse_options()
    logging.basicConfig(level=logging.INFO if options.verbose else logging.WARNING, format="%(asctime)s %(message)s")
    if options.outage:
        return outage(options.outage)
    end = time.monotonic() + 60 * options.minutes
    show(COLUMNS)
    total = dict.fromkeys(FIGURES, 0)
    for seed in options.seeds:
        if time.monotonic() > end:
            break
        flags = " --short" * options.short + " --steady" * options.steady
        replay = (
            f"{sys.executable} -m tests.faults --seeds {seed} --rate {options.rate:g} --turns {options.turns}{flags}"
        )
        with starting() as programs, explained(programs, replay=replay):
            figures = asyncio.run(run(programs, seed, turns(options, seed, end), rate=options.rate, wait_seconds=120))
            assert not figures["late"], figures["late_answers"]
            assert figures["unexcused_503"] < figures["promised"] / 100, figures
            if options.steady:
                _show_held(figures["held"])
        show([seed, *(figures[name] for name in FIGURES)])
        total = {name: total[name] + figures[name] for name in FIGURES}
    show(["all", *total.values()])
    return 0


if __name__ == "__main__":
    sys.exit(main())
