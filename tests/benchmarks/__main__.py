"""`make bench`: one table of ratios; CPU of ingest in Ed25519 verifications, the rate of the projector in COPY's."""

import statistics
from collections.abc import Callable, Mapping

from rich.console import Console
from rich.table import Table

from tests.benchmarks import projector
from tests.benchmarks.requests import Signed, Verifications, request, traffic
from tests.benchmarks.surroundings import CONNECTIONS, cost, environment, free_port, ingest, obvious, send
from tests.programs import resident_mb

ROUNDS = 5
WARM_UP = 2000
COUNT = 6000


def measure_ingest(variables: Mapping[str, str], say: Callable[[str], None]) -> dict[str, tuple[list[float], str]]:
    """Every round of every kind of request, and the memory at the end."""
    figures: dict[str, list[float]] = {name: [] for name in ("accepted", "alone", "duplicate", "forgery", "p99")}
    with ingest(variables) as pid:
        send(variables, [request(item) for item in traffic(WARM_UP, "warm-up")], CONNECTIONS)
        for number in range(ROUNDS):
            say(f"ingest, round {number + 1} of {ROUNDS}")
            items: list[Signed] = traffic(COUNT, f"round-{number}")
            requests = [request(item) for item in items]
            forged = [request(item, forged=True) for item in items]
            unit = Verifications(items)
            alone = unit.alone_seconds()
            spent, beside, p99 = cost(variables, pid, requests, "200 accepted", unit)
            figures["accepted"].append(spent / beside)
            figures["alone"].append(spent / alone)
            figures["p99"].append(p99)
            for name, sent, expected in (
                ("duplicate", requests, "200 duplicate"),
                ("forgery", forged, "403 no_matching_key"),
            ):
                spent, beside, _ = cost(variables, pid, sent, expected, unit)
                figures[name].append(spent / beside)
        memory = resident_mb(pid, most=True)
    return {
        "ingress, CPU per accepted webhook, Kafka acks=all": (figures["accepted"], "verifications"),
        "the same, by a verification on an otherwise idle machine": (figures["alone"], "verifications"),
        "ingress, CPU per duplicate known in memory": (figures["duplicate"], "verifications"),
        "ingress, CPU per refused forgery": (figures["forgery"], "verifications"),
        f"ingress, p99 with {CONNECTIONS} connections, closed loop": (figures["p99"], "ms"),
        f"ingress, most resident memory after {(3 * COUNT * ROUNDS + WARM_UP):,} requests": ([memory], "MB"),
    }


def measure_beside(variables: Mapping[str, str], say: Callable[[str], None]) -> dict[str, tuple[list[float], str]]:
    """The obvious Python and ingest, in turns, on the same broker; and ingest without Kafka."""
    port, closed = str(free_port()), f"127.0.0.1:{free_port()}"
    spool = variables["LEDGER_SPOOL_DIR"]
    away = {**variables, "LEDGER_PORT": str(free_port()), "LEDGER_SPOOL_DIR": f"{spool}-away"}
    figures: dict[str, list[float]] = {name: [] for name in ("obvious", "times", "spool")}
    of_obvious = {**variables, "LEDGER_PORT": port}
    with (
        ingest(variables) as ours,
        obvious(of_obvious) as theirs,
        ingest({**away, "KAFKA_BOOTSTRAP_SERVERS": closed}) as spooling,
    ):
        sites = ((variables, ours), (of_obvious, theirs), (away, spooling))
        for site, _ in sites:
            send(site, [request(item) for item in traffic(WARM_UP, f"warm-up {site['LEDGER_PORT']}")], CONNECTIONS)
        for number in range(ROUNDS):
            say(f"the obvious Python, and without Kafka, round {number + 1} of {ROUNDS}")
            costs = []
            for site, pid in sites:
                items = traffic(COUNT // 2, f"{site['LEDGER_PORT']} {number}")
                spent, beside, _ = cost(
                    site, pid, [request(item) for item in items], "200 accepted", Verifications(items)
                )
                costs.append((spent, spent / beside))
            figures["obvious"].append(costs[1][1])
            figures["times"].append(costs[1][0] / costs[0][0])
            figures["spool"].append(costs[2][1])
    return {
        "the obvious Python, CPU per accepted webhook": (figures["obvious"], "verifications"),
        "the same, of ingress in the same round": (figures["times"], "times"),
        "ingress, CPU per accepted webhook, Kafka away": (figures["spool"], "verifications"),
    }


def main() -> None:
    """Runs everything and prints the table."""
    console = Console(stderr=True)
    table = Table("what", "median", "lowest", "highest", "unit", title="telnyx-ledger, one run")
    with environment() as variables:
        measured = {**measure_ingest(variables, console.print), **measure_beside(variables, console.print)}
        for name, (values, unit) in measured.items():
            row = (statistics.median(values), min(values), max(values))
            table.add_row(name, *(f"{value:.2f}" for value in row), unit)
        console.print("projector")
        for name, ratio in projector.measure(variables["DATABASE_URL"]).items():
            table.add_row(f"projector, {name}", f"{ratio:.3f}", "", "", "")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
