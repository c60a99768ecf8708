"""The whole Kafka mode with senders before it, each part a process that a fault may take away and bring back."""

import asyncio
import base64
import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from deploy.kafka.local import LocalKafka
from tests.builders import public_key
from tests.e2e.kafka_mode import KafkaMode, Served
from tests.e2e.server import Server
from tests.faults.checker import Case
from tests.faults.sender import Sending
from tests.programs import Program, Programs
from tests.waiting import eventually

ROOT = Path(__file__).parents[2]
STOP_SECONDS = 20  # what ingest promises
RECOVERY_SECONDS = 60
DIRECTLY = 50  # records that must be acknowledged without a detour by the spool


class Site:
    """What a fault may touch. Parts are replaced in place: a fault that restarts one puts the new one here."""

    def __init__(self, programs: Programs, broker: LocalKafka, postgres: Server) -> None:
        self.programs = programs
        self.broker = broker
        self.postgres = postgres
        self.mode = KafkaMode(programs, bootstrap=broker.bootstrap, database_url=postgres.url)
        self.ingests: list[Served] = []
        self.projectors: list[Served] = []
        self.senders: list[Program] = []
        self._ledgers: dict[str, list[str]] = {}

    @classmethod
    @asynccontextmanager
    async def opened(cls, programs: Programs, broker: LocalKafka) -> AsyncIterator["Site"]:
        """With a Postgres of its own, and nothing running yet. Whatever runs at the end is killed by `programs`."""
        async with Server.started(programs.directory / "own-postgres") as postgres:
            site = cls(programs, broker, postgres)
            site.mode.prepare()
            try:
                yield site
            finally:
                programs.kill_all()

    @property
    def ingest(self) -> Served:
        return self.ingests[0]

    async def start(self, *, ingests: int = 1, projectors: int = 1) -> None:
        for number in range(ingests):
            self.ingests.append(await self.mode.ingest(spool=f"spool-{number}"))
        for _ in range(projectors):
            self.projectors.append(await self.mode.project())

    async def restart_ingest(self, how: signal.Signals, number: int = 0) -> int:
        """End one and start another on its port and spool; gives the exit status of the old one."""
        old = self.ingests[number]
        status = await asyncio.to_thread(old.program.ends, how, timeout_seconds=STOP_SECONDS)
        self.ingests[number] = await self.mode.ingest(spool=f"spool-{number}", port=old.port)
        return status

    async def restart_projector(self, how: signal.Signals, number: int = 0) -> int:
        """The same for a projector."""
        old = self.projectors[number]
        status = await asyncio.to_thread(old.program.ends, how, timeout_seconds=STOP_SECONDS)
        self.projectors[number] = await self.mode.project()
        return status

    def send(self, seed: str, *, rate: float, connections: int = 32) -> None:
        """One sender to each ingest, all of them with the same webhooks: the twins meet each other's duplicates."""
        for number, ingest in enumerate(self.ingests):
            ledger = str(self.programs.directory / f"ledger-{seed}-{number}")
            self._ledgers.setdefault(seed, []).append(ledger)
            sending = Sending(ingest.port, seed, ledger, rate, connections)
            self.senders.append(self._module("tests.faults.sender", sending.as_argument()))

    async def silence(self) -> None:
        """End the senders; each still hears the answer to what it sent."""
        for sender in self.senders:
            sender.process.terminate()
        ended = [await asyncio.to_thread(sender.ends) for sender in self.senders]
        assert set(ended) == {0}, [sender.output for sender in self.senders]

    async def recovered(self) -> None:
        """Everything goes its straight way again: ready, spool empty, published directly, and on into the tables."""
        await asyncio.gather(*map(self._publishes_directly, self.ingests), self._stores())

    async def _publishes_directly(self, ingest: Served) -> None:
        base: dict[str, float] = {}

        async def seen() -> dict[str, float]:
            now = await figures(ingest)
            if not base or now["spooled"] != base["spooled"] or now["waiting"] or now["away"]:
                base.update(now)
            return {**now, "directly": now["acknowledged"] - base["acknowledged"]}

        await eventually(seen, lambda now: now["directly"] >= DIRECTLY, timeout_seconds=RECOVERY_SECONDS)
        assert await ingest.ready() == 200

    async def _stores(self) -> None:
        """What was published after now is stored too: each projector that lives counts what it stored."""

        async def stored() -> float:
            return sum([await one.metric("ledger_projector_events_stored_total") for one in self.projectors])

        before = await stored()
        await eventually(stored, lambda now: now >= before + DIRECTLY, timeout_seconds=RECOVERY_SECONDS)

    def verdict(self, **more: Any) -> dict[str, Any]:
        """Blocks until everything promised is stored; the checker's figures, or a failure with its problems."""
        key = base64.b64encode(public_key()).decode()
        case = Case(self.postgres.url, key, self._ledgers, **more)
        checker = self._module("tests.faults.checker", case.as_argument())
        status = checker.ends(timeout_seconds=case.wait_seconds + 60)
        assert status == 0, checker.output
        found: dict[str, Any] = json.loads(checker.output.splitlines()[-1])
        return found

    def _module(self, name: str, argument: str) -> Program:
        """A module of the tests as a process, which finds the tests and nothing else of this directory's."""
        return self.programs.start(
            "-m", name, argument, program=Path(sys.executable), environment={"PYTHONPATH": str(ROOT)}
        )


async def figures(ingest: Served) -> dict[str, float]:
    """What tells whether records go directly to Kafka; a process that just ended has none, and counts as away."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        found = await ingest.metrics()
        return {
            "acknowledged": found.get(("ledger_kafka_records_total", frozenset({("result", "acknowledged")})), 0),
            "spooled": found.get(("ledger_spool_written_total", frozenset()), 0),
            "waiting": found.get(("ledger_spool_entries", frozenset()), 0),
            "away": found.get(("ledger_kafka_away", frozenset()), 0),
        }
    return {"acknowledged": 0, "spooled": 0, "waiting": 0, "away": 1}
