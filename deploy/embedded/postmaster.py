"""Reads the state of the server in a Postgres data directory, from its files and from the system."""

import os
from contextlib import suppress
from pathlib import Path


def text_of(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return ""


def first_number(path: Path) -> int | None:
    with suppress(ValueError):
        return int(text_of(path).split("\n", 1)[0])
    return None


def is_ready(pid_file_text: str) -> bool:
    return [line.strip() for line in pid_file_text.splitlines()[7:8]] == ["ready"]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def is_server_of(pid: int, cluster: Path) -> bool:
    """Return whether the process is the cluster's server, by its working directory; without /proc, whether it lives."""
    if not Path("/proc/self").exists():
        return is_alive(pid)
    try:
        return Path(f"/proc/{pid}/cwd").samefile(cluster)
    except OSError:
        return False
