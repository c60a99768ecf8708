"""The whole Kafka mode with senders before it, each part a process that a fault may take away and bring back."""

import asyncio
import base64
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
from nacl.signing import SigningKey

from tests.faults.checker import Case
from tests.faults.cluster.brokers import TwoWayKafka
from tests.faults.cluster.promise_log import Entry, entries
from tests.faults.cluster.sender import Sending
from tests.support.environment.kafka_mode import ACCOUNT, KafkaMode, Served
from tests.support.environment.postgres_server import Server
from tests.support.environment.programs import Program, Programs
from tests.support.environment.waiting import eventually
from tests.support.webhooks.builders import KEY, OTHER_KEY, public_key, public_key_setting

T = TypeVar("T")
ROOT = Path(__file__).parents[3]
STOP_SECONDS = 20  # what ingest promises
PATIENCE_SECONDS = 150  # nothing takes so long, unless it never comes; another fault may be under way
DIRECTLY = 50  # records that must be acknowledged without a detour by the spool
LAG = "ledger_projector_lag_records"
RIGGED = f"""#!{sys.executable}
import runpy
runpy.run_module("tests.faults.injected.levers", run_name="__main__")
"""


@dataclass(frozen=True, slots=True)
class Way:
    """Where webhooks went until now, as one ingest counts them; a process that just ended counts as away."""

    acknowledged: float = 0
    spooled: float = 0
    waiting: float = 0
    refused: float = 0
    away: float = 1


class Site:
    """What a fault may touch. Parts are replaced in place: a fault that restarts one puts the new one here."""

    def __init__(self, programs: Programs, kafka: TwoWayKafka, postgres: Server) -> None:
        self.programs = programs
        self.kafka = kafka
        self.postgres = postgres
        self._rigged = _rigged(programs.directory)
        self.mode = KafkaMode(programs, bootstrap=kafka.bootstrap, database_url=postgres.url, program=self._rigged)
        self.keys = [KEY, OTHER_KEY]  # the first one is in use
        self._keys_file = programs.directory / "keys"
        self._keys_file.write_text(public_key_setting(KEY, ACCOUNT))
        del self.mode.environment["TELNYX_PUBLIC_KEYS"]
        self.mode.environment |= {
            "TELNYX_PUBLIC_KEYS_FILE": str(self._keys_file),
            "RIG_ORDERS": str(programs.directory),
            "PYTHONPATH": str(ROOT),
        }
        self.ingests: list[Served] = []
        self.projectors: list[Served] = []
        self.senders: list[Program] = []
        self._ledgers: dict[str, list[str]] = {}
        self._excused: list[tuple[int, float, float]] = []

    @classmethod
    @asynccontextmanager
    async def opened(cls, programs: Programs, kafka: TwoWayKafka) -> AsyncIterator["Site"]:
        """With a Postgres of its own, and nothing of ours running yet. What runs at the end is killed by `programs`."""
        async with Server.started(programs.directory / "own-postgres") as postgres:
            await asyncio.to_thread(kafka.start)
            site = cls(programs, kafka, postgres)
            await asyncio.to_thread(site.mode.prepare)
            try:
                yield site
            finally:
                programs.kill_all()

    @property
    def ingest(self) -> Served:
        return self.ingests[0]

    def spool(self, number: int = 0) -> Path:
        """The directory of an ingest's spool."""
        return self.programs.directory / f"spool-{number}"

    async def start(self, *, ingests: int = 1, projectors: int = 2) -> None:
        for number in range(ingests):
            self.ingests.append(await self._ingest(number))
        for _ in range(projectors):
            self.projectors.append(await self.mode.project())

    async def _ingest(self, number: int, port: int | None = None) -> Served:
        way = {"KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap_by_proxy}
        return await self.mode.ingest(spool=str(self.spool(number)), port=port, **way)

    async def restart_ingest(self, how: signal.Signals, number: int = 0) -> int:
        """End one and start another on its port and spool; gives the exit status of the old one."""
        old = self.ingests[number]
        status = await asyncio.to_thread(old.program.ends, how, timeout_seconds=STOP_SECONDS)
        self.ingests[number] = await self._ingest(number, old.port)
        return status

    async def restart_projector(self, how: signal.Signals, number: int = 0) -> int:
        """The same for a projector."""
        old = self.projectors[number]
        status = await asyncio.to_thread(old.program.ends, how, timeout_seconds=STOP_SECONDS)
        self.projectors[number] = await self.mode.project()
        return status

    async def order(self, served: Served, *orders: str) -> None:
        """What a rigged process shall do (rigged.py); returns when it has begun."""
        process = served.program.process
        file = self.programs.directory / f"orders-{process.pid}"
        file.write_text("\n".join(orders))
        process.send_signal(signal.SIGUSR1)

        async def waits() -> bool:
            return file.exists() and process.poll() is None

        await eventually(waits, lambda still: not still)

    async def dies(self, served: Served) -> None:
        """A rigged process reaches the place where it kills itself."""
        assert await asyncio.to_thread(served.program.process.wait, PATIENCE_SECONDS) == -signal.SIGKILL

    async def accept_keys(self, *keys: SigningKey) -> None:
        """These and no others, for every process; returns when each has taken them."""
        self._keys_file.write_text("\n".join(public_key_setting(key, ACCOUNT) for key in keys))
        everybody = [*self.ingests, *self.projectors]

        async def loads() -> list[int]:
            return [one.program.output.count('"event":"keys_loaded"') for one in everybody]

        before = await loads()
        for one in everybody:
            one.program.process.send_signal(signal.SIGHUP)
        await eventually(loads, lambda now: all(new > old for new, old in zip(now, before, strict=True)))

    @contextmanager
    def excused(self, status: int) -> Iterator[None]:
        """During the block this status is the right answer; it may reach a sender for a moment longer."""
        began = time.time()
        try:
            yield
        finally:
            self._excused.append((status, began, time.time() + 1))

    def send(self, seed: str, *, rate: float, connections: int = 32) -> None:
        """One sender to each ingest, all of them with the same webhooks: the twins meet each other's duplicates."""
        for number, ingest in enumerate(self.ingests):
            ledger = str(self.programs.directory / f"ledger-{seed}-{number}")
            self._ledgers.setdefault(seed, []).append(ledger)
            sending = Sending(ingest.port, seed, ledger, rate, connections)
            self.senders.append(self._module("tests.faults.cluster.sender", sending.as_argument()))

    def entries(self, seed: str) -> list[Entry]:
        """What the senders of a stream did until now."""
        return [entry for ledger in self._ledgers[seed] for entry in entries(Path(ledger))]

    async def silence(self) -> None:
        """End the senders; each still hears the answer to what it sent."""
        for sender in self.senders:
            sender.process.terminate()
        ended = [await asyncio.to_thread(sender.ends) for sender in self.senders]
        assert set(ended) == {0}, [sender.output for sender in self.senders]

    async def recovered(self) -> None:
        """Everything goes its straight way again: ready, spool empty, published directly, and on into the tables."""
        await asyncio.gather(*map(self._publishes_directly, self.ingests), self.stores(DIRECTLY))

    async def _publishes_directly(self, ingest: Served) -> None:
        base = Way()

        async def seen() -> float:
            nonlocal base
            now = await way(ingest)
            if now.spooled != base.spooled or now.waiting or now.away or now.acknowledged < base.acknowledged:
                base = now
            return now.acknowledged - base.acknowledged

        await patiently(seen, lambda directly: directly >= DIRECTLY)
        assert await ingest.ready() == 200

    async def nothing_waits(self) -> None:
        """At the end of all: no spool holds anything, and no projector is behind."""

        async def waiting() -> float:
            spools = sum([(await way(ingest)).waiting for ingest in self.ingests])
            shown = [await projector.metrics() for projector in self.projectors]
            return spools + sum(value for found in shown for (name, _), value in found.items() if name == LAG)

        await patiently(waiting, lambda count: not count)

    async def stores(self, events: int) -> None:
        """So many more events reach the tables."""
        before = await self.fetchval("select coalesce(max(position), 0) from telnyx.events")
        await patiently(
            lambda: self.fetchval("select count(*) from telnyx.events where position > $1", before),
            lambda now: bool(now >= events),
        )

    async def fetchval(self, query: str, *values: object) -> Any:
        """One value from Postgres, as the administrator."""
        connection = await asyncpg.connect(self.postgres.url)
        try:
            return await connection.fetchval(query, *values)
        finally:
            await connection.close()

    async def command(self, *arguments: str) -> str:
        """What an operator types; gives its output, fails unless it went well."""
        done = await asyncio.to_thread(self.programs.run, *arguments, environment=self.mode.environment)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    async def verdict(self, *, wait_seconds: float = 60) -> dict[str, Any]:
        """When everything promised is stored: the checker's figures, or a failure with its problems."""
        case = Case(
            self.postgres.url,
            [base64.b64encode(public_key(key)).decode() for key in self.keys],
            self._ledgers,
            [str(self.spool(number)) for number in range(len(self.ingests))],
            wait_seconds,
            self._excused,
        )
        checker = self._module("tests.faults.checker", case.as_argument())
        status = await asyncio.to_thread(checker.ends, timeout_seconds=10 * wait_seconds)
        assert status == 0, checker.output
        found: dict[str, Any] = json.loads(checker.output.splitlines()[-1])
        return found

    def _module(self, name: str, argument: str) -> Program:
        """A module of the tests as a process, which finds the tests and nothing else of this directory's."""
        return self.programs.start(
            "-m", name, argument, program=Path(sys.executable), environment={"PYTHONPATH": str(ROOT)}
        )


def _rigged(directory: Path) -> Path:
    """`telnyx-ledger` as rigged.py makes it, to be started in its place."""
    program = directory / "rigged"
    program.write_text(RIGGED)
    program.chmod(0o755)
    return program


async def way(ingest: Served) -> Way:
    """What tells whether records go directly to Kafka."""
    try:
        found = await ingest.metrics()
    except OSError:
        return Way()
    return Way(
        acknowledged=found.get(("ledger_kafka_records_total", frozenset({("result", "acknowledged")})), 0),
        spooled=found.get(("ledger_spool_written_total", frozenset()), 0),
        waiting=found.get(("ledger_spool_entries", frozenset()), 0),
        refused=found.get(("ledger_spool_refused_entries", frozenset()), 0),
        away=found.get(("ledger_kafka_away", frozenset()), 0),
    )


def is_stopped(pid: int) -> bool:
    """Whether a process is frozen."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


async def patiently(probe: Callable[[], Awaitable[T]], holds: Callable[[T], bool]) -> T:
    """`eventually`, for what only comes after other faults have passed."""
    return await eventually(probe, holds, timeout_seconds=PATIENCE_SECONDS)
