"""Runs a local Kafka (KRaft, one or two brokers). A stopped one starts again on the same ports and data."""

import argparse
import base64
import os
import signal
import socket
import string
import struct
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from deploy.embedded.ports import free_ports, port_is_free
from deploy.local_kafka.jars import LIBS, fetch
from deploy.local_kafka.node import Node
from deploy.program import errors_as_exit_status, flush_each_line
from schemas.errors import Misconfigured

TEMPLATE = Path(__file__).with_name("server.properties")
# Starts sooner and uses less memory, but runs slower: for tests, not for benchmarks.
QUICK_START = ["-XX:TieredStopAtLevel=1"]
JAVA_OPTIONS = ["-Xmx512m", "-XX:+UseSerialGC"]


class LocalKafka:
    """One or two brokers in a directory. Every method blocks: a coroutine calls start and stop in a thread."""

    def __init__(
        self,
        directory: Path,
        *,
        brokers: int = 1,
        port: int | None = None,
        quick_start: bool = False,
        properties: Mapping[str, str] | None = None,
        libs: Path = LIBS,
    ) -> None:
        self._directory = directory
        self._libs = libs
        self._java_options = JAVA_OPTIONS + (QUICK_START if quick_start else [])
        self._properties = dict(properties or {})
        first, *others = free_ports(brokers + 1)
        self._controller_port = first
        self._ports = [port, *others[1:]] if port else others
        self.nodes: list[Node] = []

    @property
    def bootstrap(self) -> str:
        return ",".join(f"127.0.0.1:{port}" for port in self._ports)

    @property
    def pid(self) -> int:
        """Return the process id of the first broker."""
        return self.nodes[0].pid

    def start(self, timeout_seconds: float = 60) -> None:
        """Launch the brokers that are not running. Return when all are in the metadata. Raises Misconfigured."""
        if not self.nodes:
            self._prepare()
        for node in self.nodes:
            if not node.running:
                node.launch()
        self._wait_until_ready(time.monotonic() + timeout_seconds)

    def stop(self) -> None:
        """Send SIGTERM to every broker, and to the controller last, because the others deregister with it."""
        for node in reversed(self.nodes):
            node.stop()

    def kill(self) -> None:
        for node in self.nodes:
            node.kill()

    def freeze(self) -> None:
        for node in self.nodes:
            node.freeze()

    def thaw(self) -> None:
        for node in self.nodes:
            node.thaw()

    def _prepare(self) -> None:
        jars = fetch(self._libs)
        self._directory.mkdir(parents=True, exist_ok=True)
        cluster_id = self._cluster_id()
        for number, port in enumerate(self._ports, start=1):
            home = self._directory / f"node-{number}"
            home.mkdir(exist_ok=True)
            properties = home / "server.properties"
            properties.write_text(self._server_properties(number, port, home))
            node = Node(jars=jars, properties=properties, log=home / "kafka.log", java_options=self._java_options)
            if not (home / "data" / "meta.properties").exists():
                node.format(cluster_id, "--standalone" if number == 1 else "--no-initial-controllers")
            self.nodes.append(node)

    def _cluster_id(self) -> str:
        kept = self._directory / "cluster-id"
        if not kept.exists():
            kept.write_text(base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("="))
        return kept.read_text()

    def _server_properties(self, number: int, port: int, home: Path) -> str:
        listeners = f"PLAINTEXT://127.0.0.1:{port}"
        controller = f",CONTROLLER://127.0.0.1:{self._controller_port}"
        filled = string.Template(TEMPLATE.read_text()).substitute(
            roles="broker,controller" if number == 1 else "broker",
            node_id=number,
            controller_port=self._controller_port,
            listeners=listeners + (controller if number == 1 else ""),
            port=port,
            log_dir=(home / "data").resolve(),
        )
        return filled + "".join(f"{name}={value}\n" for name, value in self._properties.items())

    def _wait_until_ready(self, deadline: float) -> None:
        # A broker is ready when the metadata names it. An open port does not mean that.
        while brokers_in_metadata(self._ports[0]) < len(self.nodes):
            dead = [node for node in self.nodes if not node.running]
            if dead or time.monotonic() > deadline:
                node = (dead or self.nodes)[0]
                lines = node.last_log_lines()
                self.kill()
                raise Misconfigured(
                    [f"Kafka did not start (it needs Java 17 or newer); its log {node.log} ends:\n{lines}"]
                )
            time.sleep(0.05)


def brokers_in_metadata(port: int) -> int:
    """Return how many live brokers the one at this port knows, 0 if it does not answer. Metadata request, version 0."""
    request = struct.pack(">hhih4si", 3, 0, 1, 4, b"wait", 0)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            answer = connection.makefile("rb").read(12)
    except OSError:
        return 0
    return int(struct.unpack(">iii", answer)[2]) if len(answer) == 12 else 0


def run(directory: Path, *, port: int = 9092, report: Callable[[str], None] = print) -> None:
    """Run one broker until SIGINT or SIGTERM, and print how to use it. Raises Misconfigured if it cannot start."""
    if not port_is_free(port):
        remedy = "stop the program that listens there, or choose another port with --port"
        raise Misconfigured([f"port {port} of 127.0.0.1 is in use; {remedy}"])
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    report("Starting Kafka. The first start downloads 43 MB of jars with Maven.")
    kafka = LocalKafka(directory, port=port)
    try:
        kafka.start()
        # The replication is that of a single broker.
        state = f"Kafka answers at {kafka.bootstrap}. Its data is in {directory}. Ctrl-C stops it."
        report(f"{state} Next, in another terminal:")
        report(f"  export KAFKA_BOOTSTRAP_SERVERS={kafka.bootstrap} LEDGER_TOPIC_REPLICATION=1")
        report("  telnyx-ledger topics")
        while not stopping.wait(1):
            if not kafka.nodes[0].running:
                raise Misconfigured([f"Kafka stopped unexpectedly; see its log {kafka.nodes[0].log}"])
    finally:
        kafka.stop()


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Run a local Kafka until Ctrl-C.")
    parser.add_argument("--port", type=int, default=9092, help="of 127.0.0.1 (default 9092)")
    parser.add_argument(
        "--directory", type=Path, default=Path("data/kafka"), help="keeps the topics (default data/kafka)"
    )
    chosen = parser.parse_args(arguments)
    flush_each_line()
    with errors_as_exit_status():
        run(chosen.directory, port=chosen.port)


if __name__ == "__main__":
    main()
