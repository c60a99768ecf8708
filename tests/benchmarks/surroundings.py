"""What the benchmarks run against: a real broker, a real Postgres, and `telnyx-ledger ingest` as it is installed."""

import asyncio
import os
import pickle
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from deploy.kafka.local import LocalKafka
from deploy.postgres import EmbeddedPostgres
from schemas.migrate import migrate
from tests import builders

PROGRAM = str(Path(sys.executable).with_name("telnyx-ledger"))
TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def environment() -> Iterator[dict[str, str]]:
    """Kafka with its topics and a migrated Postgres, and the variables by which our programs find them."""
    with tempfile.TemporaryDirectory(prefix="ledger-bench-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        directory.chmod(0o755)
        kafka, postgres = LocalKafka(directory / "kafka"), EmbeddedPostgres(directory / "data", report=lambda _: None)
        try:
            url = postgres.start()
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


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def ingest(variables: Mapping[str, str]) -> Iterator[int]:
    """`telnyx-ledger ingest`, listening. Gives its process id."""
    process = subprocess.Popen([PROGRAM, "ingest"], env=dict(variables), stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", int(variables["LEDGER_PORT"]))) == 0:
                    break
            assert process.poll() is None, "ingest ended"
            assert time.monotonic() < deadline, "ingest does not listen after 30 s"
            time.sleep(0.1)
        yield process.pid
    finally:
        process.terminate()
        process.wait(25)


def send(
    variables: Mapping[str, str],
    requests: Sequence[bytes],
    connections: int,
    *,
    beside: Callable[[Callable[[], bool]], None] = lambda _: None,
) -> dict[str, Any]:
    """Runs the client of `load.py` to its end, and `beside` while it runs (given a way to ask whether it does)."""
    with tempfile.NamedTemporaryFile(suffix=".pickle") as file:
        file.write(pickle.dumps(list(requests)))
        file.flush()
        command = [sys.executable, "-m", "tests.benchmarks.load", variables["LEDGER_PORT"], str(connections), file.name]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as client:
            beside(lambda: client.poll() is None)
            output, _ = client.communicate()
        assert client.returncode == 0, "the client failed"
        result: dict[str, Any] = orjson.loads(output)
        return result


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has used, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_mb(pid: int) -> float:
    """The most memory that a process has had resident."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024
