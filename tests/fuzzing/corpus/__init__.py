"""What fuzzing found once: a file each, read again by every test run. `kept` writes the next one."""

import hashlib
from pathlib import Path

HERE = Path(__file__).parent


def found(kind: str) -> list[bytes]:
    """All files of a kind (`bodies`, `requests`), in the order of their names."""
    return [path.read_bytes() for path in sorted((HERE / kind).glob("*.bin"))]


def kept(kind: str, content: bytes) -> Path:
    """Where it is from now on, to be committed with what mends it."""
    path = HERE / kind / f"{hashlib.sha256(content).hexdigest()[:16]}.bin"
    path.write_bytes(content)
    return path
