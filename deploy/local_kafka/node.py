"""One Java process of a local Kafka. It never outlives the Python process that started it."""

import os
import signal
import subprocess
from pathlib import Path

# Its stdin is a pipe that only this process holds. The pipe ends when this process ends, even by SIGKILL.
# PR_SET_PDEATHSIG would fire when the *thread* that started the child ends, and tests start brokers from a thread.
WATCHDOG = 'cat >/dev/null; kill -9 "$1" 2>/dev/null'


class Node:
    """The process of a broker. It can be launched again on the same properties and data."""

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
        """Return the process id of Java. Raises RuntimeError if it is not running."""
        if self._process is None:
            raise RuntimeError("this node is not running")
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def format(self, cluster_id: str, *mode: str) -> None:
        """Make the data directory of this node, once. Takes 1 to 2 s. Raises RuntimeError."""
        # With `=`: an id is base64url, so one in 64 begins with a dash and would be read as an option.
        tool = ["kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}", "-c", str(self._properties), *mode]
        done = subprocess.run([*self._java, *tool], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"Kafka could not format its data directory: {done.stdout}{done.stderr}")

    def launch(self) -> None:
        """Start the process, without waiting until it is ready. In a separate session, so Ctrl-C does not reach it."""
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
        """Send SIGSTOP: connections stay open and no request is answered."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """Send SIGKILL and wait for the end. Does nothing if it is not running."""
        self._end(signal.SIGKILL, timeout_seconds=10)

    def stop(self) -> None:
        """Send SIGTERM: the node flushes its log and leaves the cluster. SIGKILL follows after 15 s."""
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
        # Killed before its pipe is closed: at the end of the pipe it would kill the process that has this id by then.
        if self._watchdog is not None and self._watchdog.stdin is not None:
            self._watchdog.kill()
            self._watchdog.wait()
            self._watchdog.stdin.close()
        self._watchdog = None

    def last_log_lines(self, lines: int = 15) -> str:
        """Return the end of the log, for the message about a failed start."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""
