"""`python -m tests.benchmarks.memory`: ingest's memory and cost per webhook while it accepts a million."""

import argparse

from rich.console import Console
from rich.table import Table

from tests.benchmarks.load.environment import cost, environment, ingest
from tests.benchmarks.load.requests import Verifications, request, traffic
from tests.support.environment.programs import resident_mb

ROUND = 20_000
SHOWN = 10  # rows of the table
TARGET_MB = 120


def main() -> None:
    """Prints a row after each tenth. Exit status 1 if memory is above its bound."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.memory", description=__doc__)
    parser.add_argument("--webhooks", type=int, default=1_000_000)
    rounds = max(SHOWN, parser.parse_args().webhooks // ROUND)
    progress = Console(stderr=True)
    table = Table("accepted", "most resident MB", "verifications each", title="ingest, Kafka with acks=all")
    memory = 0.0
    with environment() as variables, ingest(variables) as pid:
        for number in range(1, rounds + 1):
            items = traffic(ROUND, f"memory-{number}")
            unit = Verifications(items)
            spent, beside = cost(variables, pid, [request(item) for item in items], "200 accepted", unit)
            memory = resident_mb(pid, most=True)
            progress.print(f"{number * ROUND:,} accepted, {memory:.1f} MB")
            if number % (rounds // SHOWN) == 0:
                table.add_row(f"{number * ROUND:,}", f"{memory:.1f}", f"{spent / beside:.2f}")
    Console(width=120).print(table)
    if memory > TARGET_MB:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
