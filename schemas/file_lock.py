"""An exclusive lock between processes. The system releases it when the holder ends, even by SIGKILL."""

import fcntl
import os
from pathlib import Path
from types import TracebackType


class FileLock:
    """Holds the lock on a file, made with mode 0600 if it is absent, or on a directory, from construction to close().

    With `wait` the constructor blocks until the lock is free. Raises BlockingIOError if another process holds it, and
    OSError if the path cannot be opened.
    """

    def __init__(self, path: Path, *, wait: bool = False) -> None:
        flags = os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT
        self._descriptor: int | None = os.open(path, flags, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Release the lock. Idempotent."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def __enter__(self) -> "FileLock":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
