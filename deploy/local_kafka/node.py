"""One Java process of a local Kafka, which never outlives the Python process that started it."""

import os
import signal
import subprocess
from pathlib import Path

# Read its standard input, a pipe that only we hold, until it ends: then we are gone, however we died. PR_SET_PDEATHSIG
# would not do: it fires when the *thread* that started the child ends, and tests start brokers from a worker thread.
WATCHDOG = 'cat >/dev/null; kill -9 "$1" 2>/dev/null'


class Node:
    """A broker's process: launched on its properties, signalled, and launched again on the same data."""

    def __init__(self, *, jars: Path, properties: Path, log: Path, java_options: list[str]) -> None:
        log4j = Path(__file__).with_name("log4j2.properties")
        java = ["java", *java_options, f"-Dlog4j2.configurationFile={log4j}", "-cp", f"{jars}/*"]
        self._java = java
        self._properties = properties
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._watchdog: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the Java process; a node that is not running has none (RuntimeError)."""
        if self._process is None:
            raise RuntimeError("this node is not running")
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def format(self, cluster_id: str, *mode: str) -> None:
        """Make the data directory of this node, 1 to 2 s; once in its life."""
        # With `=`: an id is base64url, so one in 64 begins with a dash and would be taken for an option.
        tool = ["kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}", "-c", str(self._properties), *mode]
        done = subprocess.run([*self._java, *tool], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"Kafka could not format its data directory: {done.stdout}{done.stderr}")

    def launch(self) -> None:
        """Start the process; it is not ready yet. In a session of its own: Ctrl-C is ours to translate."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._java, "kafka.Kafka", str(self._properties)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._watchdog = subprocess.Popen(
            ["sh", "-c", WATCHDOG, "sh", str(self._process.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def freeze(self) -> None:
        """SIGSTOP: its connections stay open and nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL, and wait for the end. A node that is not running stays so."""
        self._end(signal.SIGKILL, timeout_seconds=10)

    def stop(self) -> None:
        """SIGTERM: the log is flushed and the node leaves the cluster; killed if that takes longer than 15 s."""
        self._end(signal.SIGTERM, timeout_seconds=15)

    def _end(self, how: signal.Signals, *, timeout_seconds: float) -> None:
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._dismiss_watchdog()
        self._process = None

    def _dismiss_watchdog(self) -> None:
        # Before its pipe is closed: a watchdog that outlived its broker would kill whoever got that process id next.
        if self._watchdog is not None and self._watchdog.stdin is not None:
            self._watchdog.kill()
            self._watchdog.wait()
            self._watchdog.stdin.close()
        self._watchdog = None

    def last_words(self, lines: int = 15) -> str:
        """The end of the log, for a message about a start that failed."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""
