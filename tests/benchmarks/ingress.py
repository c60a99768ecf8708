"""The cost of a webhook in verifications: accepted, duplicate, forged, in a Kafka outage, and of the FastAPI peer."""

import time
from collections.abc import Callable, Mapping

from tests.benchmarks.load.environment import CONNECTIONS, ROUNDS, Figures, cost, fastapi_peer, ingest, send
from tests.benchmarks.load.requests import Signed, Verifications, request, traffic
from tests.support.environment.programs import free_port, resident_mb

WARM_UP = 2000
COUNT = 6000


def costs(variables: Mapping[str, str], say: Callable[[str], None]) -> Figures:
    """All rounds of each kind of request, and the memory at the end."""
    figures: dict[str, list[float]] = {name: [] for name in ("accepted", "alone", "duplicate", "forgery")}
    with ingest(variables) as pid:
        send(variables, [request(item) for item in traffic(WARM_UP, f"{time.time_ns()}")], CONNECTIONS)
        for number in range(ROUNDS):
            say(f"ingest, round {number + 1} of {ROUNDS}")
            items: list[Signed] = traffic(COUNT, f"{time.time_ns()}")
            requests = [request(item) for item in items]
            forged = [request(item, forged=True) for item in items]
            unit = Verifications(items)
            alone = unit.alone_seconds()
            spent, beside = cost(variables, pid, requests, "200 accepted", unit)
            figures["accepted"].append(spent / beside)
            figures["alone"].append(spent / alone)
            for name, sent, expected in (
                ("duplicate", requests, "200 duplicate"),
                ("forgery", forged, "403 no_matching_key"),
            ):
                spent, beside = cost(variables, pid, sent, expected, unit)
                figures[name].append(spent / beside)
        memory = resident_mb(pid, most=True)
    return {
        "ingress, CPU per accepted webhook, Kafka acks=all": (figures["accepted"], "verifications"),
        "the same, by a verification on an otherwise idle machine": (figures["alone"], "verifications"),
        "ingress, CPU per duplicate known in memory": (figures["duplicate"], "verifications"),
        "ingress, CPU per refused forgery": (figures["forgery"], "verifications"),
        f"ingress, most resident memory after {(3 * COUNT * ROUNDS + WARM_UP):,} requests": ([memory], "MB"),
    }


def beside(variables: Mapping[str, str], say: Callable[[str], None]) -> Figures:
    """The FastAPI peer and ingest in turns on the same broker, and ingest without Kafka."""
    port, closed = str(free_port()), f"127.0.0.1:{free_port()}"
    spool = variables["LEDGER_SPOOL_DIR"]
    away = {**variables, "LEDGER_PORT": str(free_port()), "LEDGER_SPOOL_DIR": f"{spool}-away"}
    figures: dict[str, list[float]] = {name: [] for name in ("peer", "times", "spool")}
    peer_variables = {**variables, "LEDGER_PORT": port}
    with (
        ingest(variables) as ours,
        fastapi_peer(peer_variables) as theirs,
        ingest({**away, "KAFKA_BOOTSTRAP_SERVERS": closed}) as spooling,
    ):
        targets = ((variables, ours), (peer_variables, theirs), (away, spooling))
        for target, _ in targets:
            send(target, [request(item) for item in traffic(WARM_UP, f"warm-up {target['LEDGER_PORT']}")], CONNECTIONS)
        for number in range(ROUNDS):
            say(f"FastAPI peer, and without Kafka, round {number + 1} of {ROUNDS}")
            taken = []
            for target, pid in targets:
                items = traffic(COUNT // 2, f"{target['LEDGER_PORT']} {number}")
                given = [request(item) for item in items]
                spent, unit = cost(target, pid, given, "200 accepted", Verifications(items))
                taken.append((spent, spent / unit))
            figures["peer"].append(taken[1][1])
            figures["times"].append(taken[1][0] / taken[0][0])
            figures["spool"].append(taken[2][1])
    return {
        "FastAPI peer, CPU per accepted webhook": (figures["peer"], "verifications"),
        "the same, of ingress in the same round": (figures["times"], "times"),
        "ingress, CPU per accepted webhook, Kafka away": (figures["spool"], "verifications"),
    }
