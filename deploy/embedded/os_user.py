"""The OS user of an embedded server, because PostgreSQL refuses to run as root.

Invariant: the rights of directories above our own are never changed. As root, only the execute bit of the data
directory is set, which lets the server's user pass it, and that is reported.
"""

import os
import pwd
import stat
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.errors import Misconfigured

_UNPRIVILEGED = ("postgres", "nobody")
# Our environment is not passed on: it may hold secrets, and a locale that the server does not know.
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}


@dataclass(frozen=True, slots=True)
class OsUser:
    """The user of a child process. Without a uid: the user of this process."""

    uid: int | None = None
    gid: int | None = None

    def start(self, arguments: Sequence[str | Path], *, log: int) -> subprocess.Popen[bytes]:
        """Start a child in a separate session, so Ctrl-C reaches only this process. Its stdin is a pipe of ours."""
        with self._may_run(arguments):
            return subprocess.Popen(
                arguments, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True, **self._options()
            )

    def run(self, arguments: Sequence[str | Path]) -> None:
        """Run a child to its end. Raises Misconfigured with its last line if it fails."""
        with self._may_run(arguments):
            done = subprocess.run(
                arguments, stdin=subprocess.DEVNULL, capture_output=True, check=False, **self._options()
            )
        if done.returncode:
            lines = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines() or ["no output"]
            raise Misconfigured([f"embedded Postgres: {Path(arguments[0]).name} failed: {lines[-1]}"])

    def _options(self) -> dict[str, Any]:
        own: dict[str, Any] = {} if self.uid is None else {"user": self.uid, "group": self.gid, "extra_groups": []}
        return {"cwd": "/", "env": _ENVIRONMENT, **own}

    @contextmanager
    def _may_run(self, arguments: Sequence[str | Path]) -> Iterator[None]:
        try:
            yield
        except PermissionError as error:
            user = "this user" if self.uid is None else f"user {pwd.getpwuid(self.uid).pw_name}"
            raise Misconfigured(
                [f"embedded Postgres: {user} may not run {arguments[0]}: start as another user, or set DATABASE_URL"]
            ) from error

    def give(self, path: Path) -> None:
        """Make this user the owner of a file or directory."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def let_in(self, data_dir: Path, report: Callable[[str], None]) -> None:
        """Let this user pass our data directory. Only the execute bit is set: it cannot list the directory.

        Raises Misconfigured if it may not pass a directory above.
        """
        self.require_passage(data_dir, "LEDGER_DATA_DIR")
        if not self._may_pass(data_dir):
            data_dir.chmod(stat.S_IMODE(data_dir.stat().st_mode) | stat.S_IXOTH)
            report(f"{data_dir}: made passable for other users, because the embedded Postgres does not run as root")

    def require_passage(self, path: Path, name: str) -> None:
        """Raise Misconfigured, naming the directory, if this user may not pass a directory above path."""
        closed = [directory for directory in reversed(path.resolve().parents) if not self._may_pass(directory)]
        if closed and self.uid is not None:
            user = pwd.getpwuid(self.uid).pw_name
            problem = f"{name}: the embedded Postgres runs as {user}, who may not pass {closed[0]} on the way to {path}"
            raise Misconfigured(
                [f"{problem}; run `chmod o+x {closed[0]}`, use another place, or start as another user"]
            )

    def _may_pass(self, directory: Path) -> bool:
        if self.uid is None:
            return True
        state = directory.stat()
        return bool(state.st_mode & self._execute_bit(state))

    def _execute_bit(self, state: os.stat_result) -> int:
        if state.st_uid == self.uid:
            return stat.S_IXUSR
        return stat.S_IXGRP if state.st_gid == self.gid else stat.S_IXOTH


def os_user_for(existing: Path) -> OsUser:
    """Return the user for a cluster: the current one; as root, its owner, else `postgres` or `nobody`.

    Raises Misconfigured if root finds neither.
    """
    if os.geteuid() != 0:
        return OsUser()
    if existing.exists() and existing.stat().st_uid != 0:
        return OsUser(existing.stat().st_uid, existing.stat().st_gid)
    for name in _UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return OsUser(entry.pw_uid, entry.pw_gid)
    raise Misconfigured(["embedded Postgres cannot run as root: start as another user, or set DATABASE_URL"])
