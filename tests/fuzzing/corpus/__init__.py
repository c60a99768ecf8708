"""Harmful input that fuzzing found, one file each; every test run reads it again. `save` adds a file."""

import hashlib
from pathlib import Path

HERE = Path(__file__).parent


def load(kind: str) -> list[bytes]:
    """The files of a kind (`bodies`, `requests`), by name."""
    return [path.read_bytes() for path in sorted((HERE / kind).glob("*.bin"))]


def save(kind: str, content: bytes) -> Path:
    """Saves harmful input; gives the path, to be committed together with the fix."""
    path = HERE / kind / f"{hashlib.sha256(content).hexdigest()[:16]}.bin"
    path.write_bytes(content)
    return path
