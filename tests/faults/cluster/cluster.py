"""The whole Kafka mode with its senders: each part is a process that a fault may end and restart."""

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

from nacl.signing import SigningKey

from tests.faults.checker import Case
from tests.faults.cluster.brokers import ProxiedKafka
from tests.faults.cluster.promise_log import Entry, entries
from tests.faults.cluster.sender import Sending
from tests.support.environment.kafka_mode import ACCOUNT, KafkaMode, Served
from tests.support.environment.postgres_server import Server
from tests.support.environment.programs import Program, Programs
from tests.support.environment.waiting import eventually, until
from tests.support.sql.connections import fetchval
from tests.support.webhooks.builders import KEY, OTHER_KEY, public_key, public_key_setting

T = TypeVar("T")
ROOT = Path(__file__).parents[3]
STOP_SECONDS = 20  # documented bound of a graceful stop
PATIENCE_SECONDS = 150  # far more than any recovery takes, even with another fault under way
DIRECTLY = 50  # records that must be acknowledged without passing through the spool
LAG = "ledger_projector_lag_records"
PROGRAM_WITH_LEVERS = f"""#!{sys.executable}
import runpy
runpy.run_module("tests.faults.injected.levers", run_name="__main__")
"""


@dataclass(frozen=True, slots=True)
class Counts:
    """One ingest's counts of records by route. For a process that just ended, Kafka counts as unavailable."""

    acknowledged: float = 0
    spooled: float = 0
    waiting: float = 0
    refused: float = 0
    away: float = 1


class Cluster:
    """Everything that a fault may touch. A fault that restarts a part puts the new one in its place."""

    def __init__(self, programs: Programs, kafka: ProxiedKafka, postgres: Server) -> None:
        self.programs = programs
        self.kafka = kafka
        self.postgres = postgres
        self._program_with_levers = _program_with_levers(programs.directory)
        self.mode = KafkaMode(
            programs, bootstrap=kafka.bootstrap, database_url=postgres.url, program=self._program_with_levers
        )
        self.keys = [KEY, OTHER_KEY]  # the first is in use
        self._keys_file = programs.directory / "keys"
        self._keys_file.write_text(public_key_setting(KEY, ACCOUNT))
        del self.mode.environment["TELNYX_PUBLIC_KEYS"]
        self.mode.environment |= {
            "TELNYX_PUBLIC_KEYS_FILE": str(self._keys_file),
            "LEVER_ORDERS": str(programs.directory),
            "PYTHONPATH": str(ROOT),
        }
        self.ingests: list[Served] = []
        self.projectors: list[Served] = []
        self.senders: list[Program] = []
        self._promise_logs: dict[str, list[str]] = {}
        self._excused: list[tuple[int, float, float]] = []

    @classmethod
    @asynccontextmanager
    async def opened(cls, programs: Programs, kafka: ProxiedKafka) -> AsyncIterator["Cluster"]:
        """With a separate Postgres; none of our programs runs yet. All of them are killed at the end."""
        async with Server.started(programs.directory / "own-postgres") as postgres:
            await asyncio.to_thread(kafka.start)
            cluster = cls(programs, kafka, postgres)
            await asyncio.to_thread(cluster.mode.prepare)
            try:
                yield cluster
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
        """Ends one and starts another on its port and spool; gives the exit status of the old one."""
        old = self.ingests[number]
        status = await asyncio.to_thread(old.program.ends, how, timeout_seconds=STOP_SECONDS)
        self.ingests[number] = await self._ingest(number, old.port)
        return status

    async def restart_projector(self, how: signal.Signals, number: int = 0) -> int:
        """Ends one and starts another; gives the exit status of the old one."""
        old = self.projectors[number]
        status = await asyncio.to_thread(old.program.ends, how, timeout_seconds=STOP_SECONDS)
        self.projectors[number] = await self.mode.project()
        return status

    async def order(self, served: Served, *orders: str) -> None:
        """Sends orders to a process with levers; returns when it has taken them."""
        process = served.program.process
        file = self.programs.directory / f"orders-{process.pid}"
        file.write_text("\n".join(orders))
        process.send_signal(signal.SIGUSR2)
        await until(lambda: file.exists() and process.poll() is None, lambda still: not still)

    async def wait_until_killed(self, served: Served) -> None:
        """Waits until a process with levers reaches the place where it kills itself."""
        assert await asyncio.to_thread(served.program.process.wait, PATIENCE_SECONDS) == -signal.SIGKILL

    async def accept_keys(self, *keys: SigningKey) -> None:
        """Makes every process accept these keys only; returns when each has loaded them."""
        self._keys_file.write_text("\n".join(public_key_setting(key, ACCOUNT) for key in keys))
        processes = [*self.ingests, *self.projectors]

        def loads() -> list[int]:
            return [process.program.output.count('"event":"keys_loaded"') for process in processes]

        before = loads()
        for process in processes:
            process.program.process.send_signal(signal.SIGHUP)
        await until(loads, lambda now: all(new > old for new, old in zip(now, before, strict=True)))

    @contextmanager
    def excused(self, status: int) -> Iterator[None]:
        """In the block this status is the right answer. It may still reach a sender a moment later."""
        began = time.time()
        try:
            yield
        finally:
            self._excused.append((status, began, time.time() + 1))

    def send(self, seed: str, *, rate: float, connections: int = 32) -> None:
        """Starts one sender per ingest, all with the same webhooks, so each ingest sees the other's duplicates."""
        for number, ingest in enumerate(self.ingests):
            promise_log = str(self.programs.directory / f"promises-{seed}-{number}")
            self._promise_logs.setdefault(seed, []).append(promise_log)
            sending = Sending(ingest.port, seed, promise_log, rate, connections)
            self.senders.append(self._module("tests.faults.cluster.sender", sending.as_argument()))

    def entries(self, seed: str) -> list[Entry]:
        """The promise log of a stream up to now."""
        return [entry for path in self._promise_logs[seed] for entry in entries(Path(path))]

    async def stop_senders(self) -> None:
        """Ends the senders, after the answers to their open requests."""
        for sender in self.senders:
            sender.process.terminate()
        ended = [await asyncio.to_thread(sender.ends) for sender in self.senders]
        assert set(ended) == {0}, [sender.output for sender in self.senders]

    async def wait_until_recovered(self) -> None:
        """Waits for full recovery: ingest ready, spool empty, records published directly and stored."""
        await asyncio.gather(*map(self._publishes_directly, self.ingests), self.wait_until_stored(DIRECTLY))

    async def _publishes_directly(self, ingest: Served) -> None:
        base = Counts()

        async def seen() -> float:
            nonlocal base
            now = await counts(ingest)
            if now.spooled != base.spooled or now.waiting or now.away or now.acknowledged < base.acknowledged:
                base = now
            return now.acknowledged - base.acknowledged

        await wait_long_for(seen, lambda directly: directly >= DIRECTLY)
        assert await ingest.ready() == 200

    async def assert_nothing_waits(self) -> None:
        """At the end, every spool is empty and no projector is behind."""

        async def waiting() -> float:
            spools = sum([(await counts(ingest)).waiting for ingest in self.ingests])
            shown = [await projector.metrics() for projector in self.projectors]
            return spools + sum(value for found in shown for (name, _), value in found.items() if name == LAG)

        await wait_long_for(waiting, lambda count: not count)

    async def wait_until_stored(self, events: int) -> None:
        """Waits until so many more events are stored."""
        before = await self.fetchval("select coalesce(max(position), 0) from telnyx.events")
        await wait_long_for(
            lambda: self.fetchval("select count(*) from telnyx.events where position > $1", before),
            lambda now: bool(now >= events),
        )

    async def fetchval(self, query: str, *values: object) -> Any:
        """One value from Postgres, as the administrator."""
        return await fetchval(self.postgres.url, query, *values)

    async def command(self, *arguments: str) -> str:
        """Runs a command as an operator does; gives its output. Raises AssertionError unless it exits with 0."""
        done = await asyncio.to_thread(self.programs.run, *arguments, environment=self.mode.environment)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    async def verdict(self, *, wait_seconds: float = 60) -> dict[str, Any]:
        """The checker's figures. Raises AssertionError with its problems, if there are any."""
        case = Case(
            self.postgres.url,
            [base64.b64encode(public_key(key)).decode() for key in self.keys],
            self._promise_logs,
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
        """Starts a module of tests as a process that finds nothing but the tests here."""
        return self.programs.start(
            "-m", name, argument, program=Path(sys.executable), environment={"PYTHONPATH": str(ROOT)}
        )


def _program_with_levers(directory: Path) -> Path:
    """The path of a `telnyx-ledger` with levers, to be started in its place."""
    program = directory / "telnyx-ledger-with-levers"
    program.write_text(PROGRAM_WITH_LEVERS)
    program.chmod(0o755)
    return program


async def counts(ingest: Served) -> Counts:
    """Reads the counts from the metrics of an ingest."""
    try:
        found = await ingest.metrics()
    except OSError:
        return Counts()
    return Counts(
        acknowledged=found.get(("ledger_kafka_records_total", frozenset({("result", "acknowledged")})), 0),
        spooled=found.get(("ledger_spool_written_total", frozenset()), 0),
        waiting=found.get(("ledger_spool_entries", frozenset()), 0),
        refused=found.get(("ledger_spool_refused_entries", frozenset()), 0),
        away=found.get(("ledger_kafka_away", frozenset()), 0),
    )


def is_stopped(pid: int) -> bool:
    """Whether a process is frozen."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


async def wait_long_for(probe: Callable[[], Awaitable[T]], holds: Callable[[T], bool]) -> T:
    """`eventually`, for a condition that may have to wait for other faults to end."""
    return await eventually(probe, holds, timeout_seconds=PATIENCE_SECONDS)
