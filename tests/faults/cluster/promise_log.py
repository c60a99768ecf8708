"""What a sender did and was promised, in a file that outlives it: written before the next request of a connection."""

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Entry:
    """One request. `status` 0: no answer, and `word` says why. No `seconds`: it was only begun. `at`: Unix time."""

    number: int
    status: int = 0
    word: str = ""
    key: str = ""
    seconds: float | None = None
    at: float = field(default_factory=time.time)


class Ledger:
    """Append-only; every entry is a whole line before `write` returns."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, entry: Entry) -> None:
        line = [entry.number, entry.status, entry.word, entry.key, entry.seconds, entry.at]
        os.write(self._file, json.dumps(line).encode() + b"\n")


def entries(path: Path) -> list[Entry]:
    """Everything up to now; a line that is still being written is left for later."""
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return [Entry(*json.loads(line)) for line in lines]
