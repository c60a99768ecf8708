"""Kafka mode as an operator starts it: `migrate`, `topics`, then `ingest` and `project` as processes."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.support.environment.http_sender import WebhookConnection
from tests.support.environment.programs import PROGRAM, Program, Programs, free_port
from tests.support.environment.waiting import eventually
from tests.support.webhooks.builders import public_key_setting

ACCOUNT = "acme"


@dataclass(frozen=True, slots=True)
class Served:
    """A running program that serves HTTP."""

    program: Program
    port: int

    async def metric(self, name: str, **labels: str) -> float:
        """Return the current value of one sample of /metrics, 0 if there is none yet."""
        return (await self.metrics()).get((name, frozenset(labels.items())), 0.0)

    async def metrics(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        async with WebhookConnection(self.port) as connection:
            shown = await connection.request("GET", "/metrics")
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(shown.body.decode())
            for sample in family.samples
        }

    async def ready(self) -> int:
        """Return the status of /health/ready, 0 without an answer."""
        try:
            async with WebhookConnection(self.port) as connection:
                return (await connection.request("GET", "/health/ready")).status
        except OSError:
            return 0


class KafkaMode:
    """Starts the processes of one installation with the settings that they share."""

    def __init__(self, programs: Programs, *, bootstrap: str, database_url: str, program: Path = PROGRAM) -> None:
        self.programs = programs
        self.program = program
        self.bootstrap = bootstrap
        self.database_url = database_url
        self.prefix = f"e2e-{uuid.uuid4().hex[:12]}"
        self.environment = {
            "DATABASE_URL": database_url,
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "LEDGER_TOPIC_PREFIX": self.prefix,
            "LEDGER_TOPIC_REPLICATION": "1",
            "LEDGER_CONSUMER_GROUP": self.prefix,
            "TELNYX_PUBLIC_KEYS": public_key_setting(account=ACCOUNT),
        }

    @property
    def topics(self) -> dict[str, str]:
        return {kind: f"{self.prefix}.{kind}" for kind in ("messages", "10dlc", "other", "quarantine")}

    def prepare(self) -> None:
        """Make the schema and the topics."""
        for command in ("migrate", "topics"):
            done = self.programs.run(command, environment=self.environment)
            assert done.returncode == 0, done.stdout + done.stderr

    async def ingest(self, *, spool: str = "spool", port: int | None = None, **variables: str) -> Served:
        """Start `ingest` and return when it listens."""
        port = port or free_port()
        own = {"LEDGER_PORT": str(port), "LEDGER_SPOOL_DIR": spool, **variables}
        program = self.programs.start("ingest", program=self.program, environment=self.environment, **own)
        await program.prints('"event":"listening"')
        return Served(program, port)

    async def project(self) -> Served:
        """Start `project` and return when it is ready."""
        port = free_port()
        program = self.programs.start(
            "project", program=self.program, environment=self.environment, LEDGER_PROJECTOR_PORT=str(port)
        )
        served = Served(program, port)
        await eventually(served.ready, lambda status: status == 200)
        return served


@asynccontextmanager
async def kafka_mode(
    programs: Programs, *, bootstrap: str, database_url: str
) -> AsyncIterator[tuple[KafkaMode, Served, Served]]:
    """Run one `ingest` and one `project`. Both must still run at the end of the block, and then stop with status 0."""
    mode = KafkaMode(programs, bootstrap=bootstrap, database_url=database_url)
    mode.prepare()
    ingest, project = await mode.ingest(), await mode.project()
    yield mode, ingest, project
    for served in (ingest, project):
        assert served.program.process.poll() is None, served.program.output
        served.program.process.terminate()
    assert [served.program.ends() for served in (ingest, project)] == [0, 0]
