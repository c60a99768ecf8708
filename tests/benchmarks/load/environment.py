"""A real broker, a real Postgres and the installed `telnyx-ledger`, for benchmarks."""

import asyncio
import os
import pickle
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import orjson

from deploy.embedded.postgres import EmbeddedPostgres
from deploy.local_kafka.broker import LocalKafka
from schemas.sql.migrate import migrate
from tests.benchmarks.load.requests import Verifications
from tests.support.environment.programs import PROGRAM, free_port
from tests.support.webhooks import builders

TICKS = os.sysconf("SC_CLK_TCK")
CONNECTIONS = 32
ROUNDS = 5

Figures = dict[str, tuple[list[float], str]]  # by name: the value of each round, and the unit


@contextmanager
def environment(database_url: str | None = None) -> Iterator[dict[str, str]]:
    """Kafka with its topics and a migrated Postgres; gives the variables that lead our programs to them.

    The Postgres is new unless there is a `database_url`.
    """
    with tempfile.TemporaryDirectory(prefix="ledger-bench-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        directory.chmod(0o755)
        kafka, postgres = LocalKafka(directory / "kafka"), EmbeddedPostgres(directory / "data", report=lambda _: None)
        try:
            url = database_url or postgres.start()
            kafka.start()
            asyncio.run(migrate(url, lambda _: None))
            variables = {
                **os.environ,
                "DATABASE_URL": url,
                "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap,
                "LEDGER_TOPIC_REPLICATION": "1",
                "LEDGER_SPOOL_DIR": str(directory / "spool"),
                "LEDGER_PORT": str(free_port()),
                "TELNYX_PUBLIC_KEYS": builders.public_key_setting(),
            }
            subprocess.run([PROGRAM, "topics"], env=variables, check=True, stdout=subprocess.DEVNULL)
            yield variables
        finally:
            kafka.kill()
            postgres.stop()


@contextmanager
def running(command: Sequence[str], variables: Mapping[str, str]) -> Iterator[int]:
    """Runs a program in the block. Gives its process id."""
    process = subprocess.Popen(command, env=dict(variables), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process.pid
        assert process.poll() is None, f"{command[-1]} ended"
    finally:
        process.terminate()
        process.wait(25)


@contextmanager
def listening(command: Sequence[str], variables: Mapping[str, str], *, within_seconds: float = 30) -> Iterator[int]:
    """Runs a server in the block, once its LEDGER_PORT takes connections. Gives its process id."""
    with running(command, variables) as pid:
        deadline = time.monotonic() + within_seconds
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", int(variables["LEDGER_PORT"]))) == 0:
                    break
            assert time.monotonic() < deadline, f"{command} does not listen after {within_seconds} s"
            time.sleep(0.1)
        yield pid


def ingest(variables: Mapping[str, str]) -> AbstractContextManager[int]:
    """`telnyx-ledger ingest`, listening."""
    return listening([str(PROGRAM), "ingest"], variables)


def fastapi_peer(variables: Mapping[str, str]) -> AbstractContextManager[int]:
    """The baseline of `fastapi_peer.py`, listening."""
    port = variables["LEDGER_PORT"]
    uvicorn = [
        sys.executable, "-m", "uvicorn", "--no-access-log", "--port", port, "tests.benchmarks.load.fastapi_peer:app",
    ]  # fmt: skip
    return listening(uvicorn, variables)


def send(
    variables: Mapping[str, str],
    requests: Sequence[bytes],
    connections: int,
    *,
    per_second: float = 0,
    beside: Callable[[Callable[[], bool]], None] = lambda _: None,
) -> dict[str, Any]:
    """Runs the client of `client.py` to its end, and `beside` meanwhile, which can ask whether it still runs.

    `per_second` 0: each connection sends after its last answer.
    """
    with tempfile.NamedTemporaryFile(suffix=".pickle") as file:
        file.write(pickle.dumps(list(requests)))
        file.flush()
        given = (variables["LEDGER_PORT"], str(connections), str(per_second), file.name)
        command = [sys.executable, "-m", "tests.benchmarks.load.client", *given]
        with subprocess.Popen(command) as client:
            beside(lambda: client.poll() is None)
        assert client.returncode == 0, "the client failed"
        result: dict[str, Any] = orjson.loads(Path(file.name).read_bytes())
        return result


def cpu_seconds(pid: int) -> float:
    """The CPU time of a process, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def cost(
    variables: Mapping[str, str], pid: int, requests: list[bytes], expected: str, unit: Verifications
) -> tuple[float, float]:
    """(CPU seconds per request, seconds of a verification beside it); all answered as expected."""
    units: list[float] = []
    before = cpu_seconds(pid)
    result = send(variables, requests, CONNECTIONS, beside=lambda running: units.append(unit.beside_seconds(running)))
    assert result["answers"] == {expected: len(requests)}, result["answers"]
    return (cpu_seconds(pid) - before) / len(requests), units[0]
