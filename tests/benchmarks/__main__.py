"""`make bench`: one table of ratios. CPU of ingest is in Ed25519 verifications, the projector's rate in COPY's.

`python -m tests.benchmarks PART…` measures only these parts; `--stored` uses a database of `stored`.
"""

import argparse
import statistics
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.benchmarks import ingress, latency, projector
from tests.benchmarks.load.environment import environment
from tests.benchmarks.stored.__main__ import kept

PARTS = {
    "ingress": ingress.costs,
    "beside": ingress.beside,
    "answers": latency.answers,
    "visible": latency.visible,
    "projector": projector.of_copy,
}


def main() -> None:
    """Runs the parts and prints the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("part", nargs="*", help=f"one of {', '.join(PARTS)}; default: all")
    parser.add_argument("--stored", type=Path, help="directory of a database that `stored` has filled")
    given = parser.parse_args()
    if unknown := set(given.part) - set(PARTS):
        parser.error(f"unknown part: {', '.join(sorted(unknown))}. Parts: {', '.join(PARTS)}")
    say = Console(stderr=True).print
    table = Table("what", "median", "lowest", "highest", "unit", title="telnyx-ledger, one run")
    with ExitStack() as stack:
        url = stack.enter_context(kept(given.stored)) if given.stored else None
        variables = stack.enter_context(environment(url))
        for part in given.part or PARTS:
            for name, (values, unit) in PARTS[part](variables, say).items():
                row = (statistics.median(values), min(values), max(values))
                table.add_row(name, *(f"{value:.3g}" if value < 1000 else f"{value:,.0f}" for value in row), unit)
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
