"""The whole Kafka mode on one machine: broker, Postgres, `ingest`, `project` and `simulate` as separate processes.

Each part is the program that production runs, started as an operator starts it. When one of them ends, or at Ctrl-C,
all are stopped in the reverse order.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pydantic import Field

from deploy import logs
from deploy.embedded.ports import port_is_free
from deploy.embedded.postgres import EmbeddedPostgres
from deploy.local_kafka.broker import LocalKafka
from deploy.program import errors_as_exit_status, flush_each_line
from deploy.settings import DataSettings, redacted
from deploy.simulator.key import development_key
from schemas.errors import LedgerError, Misconfigured, Unavailable
from schemas.settings import DatabaseSettings, KeySettings, LogSettings, load, secret
from schemas.sql.migrate import migrate

PROGRAM = Path(sys.executable).with_name("telnyx-ledger")
KAFKA_PORT = 9092
LISTENING_SECONDS = 30
STOP_SECONDS = 25  # a little more than the time limit of `ingest`
SIMULATED = ("simulate", "--count", "0", "--rate", "5")


class KafkaModeSettings(KeySettings, DatabaseSettings, DataSettings, LogSettings):
    """The settings of the servers that this program starts. Its child processes read the rest of the environment."""

    database_url: str = secret("")
    telnyx_public_keys: str = Field("", validate_default=False)
    ledger_host: str = "127.0.0.1"
    ledger_port: int = Field(8080, ge=1, le=65535)


def run_kafka_mode() -> None:
    """Run until SIGTERM or SIGINT. Raises Misconfigured, and LedgerError if one of the processes ends."""
    settings = load(KafkaModeSettings)
    logs.configure(settings.ledger_log_level)
    if not port_is_free(settings.ledger_port):
        raise Misconfigured(
            [f"LEDGER_PORT: port {settings.ledger_port} is in use by another process; stop it, or set another port"]
        )
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    with ExitStack() as stack:
        environment = stack.enter_context(_servers(settings))
        if subprocess.run([PROGRAM, "topics"], env=environment, check=False).returncode:
            raise LedgerError("`topics` failed")
        running = {name: stack.enter_context(_process((name,), environment)) for name in ("ingest", "project")}
        _wait_until_listening(settings, running["ingest"], stopping)
        url = f"http://{settings.ledger_host}:{settings.ledger_port}/webhooks/telnyx"
        running["simulate"] = stack.enter_context(_process((*SIMULATED, "--url", url), environment))
        print(f"Webhook URL:  {url}")
        # The password of the embedded database is ours to print. A configured one stays out of terminals and logs.
        database_url = environment["DATABASE_URL"]
        print(f"Database URL: {redacted(database_url) if settings.database_url else database_url}")
        print(f"Kafka:        {environment['KAFKA_BOOTSTRAP_SERVERS']}")
        print("Ctrl-C stops everything")
        _watch(running, stopping)
    print("stopped")


@contextmanager
def _servers(settings: KafkaModeSettings) -> Iterator[dict[str, str]]:
    """Run Postgres and Kafka while the block runs, and yield the environment that leads our programs to them."""
    key = development_key(settings.ledger_data_dir)
    postgres = None if settings.database_url else EmbeddedPostgres(settings.ledger_data_dir)
    kafka = LocalKafka(settings.ledger_data_dir / "kafka", port=KAFKA_PORT if port_is_free(KAFKA_PORT) else None)
    try:
        database_url = postgres.start() if postgres else settings.database_url
        asyncio.run(migrate(database_url, print))
        print("Starting Kafka. The first start downloads its jars with Maven.")
        kafka.start()
        yield {
            **os.environ,
            "DATABASE_URL": database_url,
            "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap,
            "LEDGER_TOPIC_REPLICATION": "1",
            "TELNYX_PUBLIC_KEYS": key.added_to(settings.telnyx_public_keys),
        }
    finally:
        kafka.stop()
        if postgres:
            postgres.stop()


@contextmanager
def _process(arguments: tuple[str, ...], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run one of our programs while the block runs, in a separate session, so Ctrl-C reaches only this process."""
    process = subprocess.Popen([PROGRAM, *arguments], env=environment, start_new_session=True)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_listening(
    settings: KafkaModeSettings, ingest: subprocess.Popen[bytes], stopping: threading.Event
) -> None:
    deadline = time.monotonic() + LISTENING_SECONDS
    while ingest.poll() is None and not stopping.wait(0.05):
        try:
            socket.create_connection((settings.ledger_host, settings.ledger_port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise Unavailable(f"`ingest` does not listen after {LISTENING_SECONDS} s") from None
        else:
            return


def _watch(running: Mapping[str, subprocess.Popen[bytes]], stopping: threading.Event) -> None:
    while not stopping.wait(0.2):
        for name, process in running.items():
            if process.poll() is not None:
                raise LedgerError(f"`{name}` ended with exit status {process.returncode}")


if __name__ == "__main__":
    flush_each_line()
    with errors_as_exit_status():
        run_kafka_mode()
