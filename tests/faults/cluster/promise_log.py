"""A sender's requests and answers in a file: each answer is written before its connection sends the next request."""

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Entry:
    """One request. `status` 0: no answer, `word` says why. Without `seconds` it has only begun. `at`: Unix time."""

    number: int
    status: int = 0
    word: str = ""
    key: str = ""
    seconds: float | None = None
    at: float = field(default_factory=time.time)


class PromiseLog:
    """Append-only: each entry is a whole line before `write` returns."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, entry: Entry) -> None:
        line = [entry.number, entry.status, entry.word, entry.key, entry.seconds, entry.at]
        os.write(self._file, json.dumps(line).encode() + b"\n")


def entries(path: Path) -> list[Entry]:
    """All entries up to now, without a line that is still being written."""
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return [Entry(*json.loads(line)) for line in lines]
