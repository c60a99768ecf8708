"""Our programs as processes, started as a user starts them, in an environment that only the test decides."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.embedded.ports import free_ports

PROGRAM = Path(sys.executable).with_name("telnyx-ledger")
STOP_SECONDS = 25
LAST_LINES = 40


@dataclass(frozen=True, slots=True)
class Program:
    """A running `telnyx-ledger`, whose stdout and stderr go to one file."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    async def prints(self, pattern: str, *, timeout_seconds: float = 60) -> re.Match[str]:
        """Wait until a line of the output matches. Fails with the whole output if the program ends first."""
        deadline = time.monotonic() + timeout_seconds
        while True:
            ended = self.process.poll() is not None
            if found := re.search(pattern, self.output, re.MULTILINE):
                return found
            assert not ended, f"ended with {self.process.returncode} before {pattern!r}:\n{self.output}"
            assert time.monotonic() < deadline, f"no {pattern!r} after {timeout_seconds} s:\n{self.output}"
            await asyncio.sleep(0.05)

    def ends(self, number: signal.Signals | None = None, *, timeout_seconds: float = STOP_SECONDS) -> int:
        """Wait for the end, after a signal if one is given, and return the exit status."""
        if number is not None:
            self.process.send_signal(number)
        return self.process.wait(timeout_seconds)


class Programs:
    """Starts programs in one temporary directory. Programs that still run at the end of the test are killed."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._started: list[Program] = []

    def start(
        self, *arguments: str, program: Path = PROGRAM, environment: Mapping[str, str] | None = None, **variables: str
    ) -> Program:
        log = self.directory / f"{len(self._started)}-{Path(arguments[0]).name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [program, *arguments],
                cwd=self.directory,
                env=clean_environment({**(environment or {}), **variables}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self._started.append(started := Program(process, log))
        return started

    def run(
        self,
        *arguments: str,
        program: Path = PROGRAM,
        timeout_seconds: float = 120,
        environment: Mapping[str, str] | None = None,
        **variables: str,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end and return the result, whatever its exit status."""
        return subprocess.run(
            [program, *arguments],
            cwd=self.directory,
            env=clean_environment({**(environment or {}), **variables}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_seconds,
            check=False,
        )

    def outputs(self) -> Iterator[tuple[str, list[str]]]:
        """Yield each program's name and output lines, in the order of their start."""
        for program in self._started:
            yield program.log.stem, program.output.splitlines()

    def kill_all(self) -> None:
        for program in self._started:
            program.process.kill()
            program.process.wait()


def refusal(done: subprocess.CompletedProcess[str], status: int = 2) -> str:
    """Return the one line with which a command refused its input, or failed if `status` is 1."""
    assert (done.returncode, done.stdout) == (status, ""), done.stdout + done.stderr
    [line] = done.stderr.splitlines()
    return line


def clean_environment(ours: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a fresh shell plus the given variables."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ} | dict(ours)


def resident_mb(pid: int, *, most: bool = False) -> float:
    """Return the resident memory of a process in MB, now or at its peak."""
    name = "VmHWM:" if most else "VmRSS:"
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024


def free_port() -> int:
    [port] = free_ports(1)
    return port


@pytest.fixture
def programs() -> Iterator[Programs]:
    """Yield the programs of one test."""
    with starting() as programs:
        yield programs


_running: list[Programs] = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the last output lines of each program to the report of a failed test."""
    report = yield
    if report.failed:
        outputs = [item for programs in _running for item in programs.outputs()]
        report.sections += [(f"output of {name}", "\n".join(lines[-LAST_LINES:])) for name, lines in outputs]
    return report


@contextmanager
def starting() -> Iterator[Programs]:
    """Yield programs in a directory that the user of the embedded Postgres may pass. It may not pass pytest's own."""
    directory = Path(tempfile.mkdtemp(prefix="ledger-programs-"))
    directory.chmod(0o755)
    programs = Programs(directory)
    _running.append(programs)
    try:
        yield programs
    finally:
        _running.remove(programs)
        programs.kill_all()
        _remove(directory)


def _remove(directory: Path) -> None:
    """Remove the directory. The Postgres of a killed program still writes there until it ends, a moment later."""
    deadline = time.monotonic() + STOP_SECONDS
    while True:
        try:
            shutil.rmtree(directory)
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return
