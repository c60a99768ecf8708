"""Writes log lines to a stream that may be closed, full or stalled.

Invariant: a line that cannot be written is lost and counted. It raises nothing, and its caller waits 50 ms at most.
"""

import os
import select
import stat
from collections.abc import Callable
from typing import Any, TextIO

import structlog

# A reader that falls behind for a moment loses no line. A stalled one costs this once, and then nothing.
PATIENCE_MS = 50
# A pipe that polls as writable takes this many bytes at least without blocking (POSIX: PIPE_BUF).
PIPE_BYTES = select.PIPE_BUF


class LineWriter:
    """The logger under structlog: one method per level, each of which writes one line."""

    # The file descriptor is written to directly: bytes that stay in a buffer after a failure would be written later,
    # in the middle of another line, and their flush at the end of the process would change its exit status.

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._descriptor = _descriptor(stream)
        self._poll = _poll(self._descriptor)
        self._stalled = self._torn = False

    def msg(self, line: str) -> None:
        """Write one line. Raises OSError or ValueError if it is not, or only partly, written."""
        if self._descriptor is None:
            if self._stream is None:
                raise OSError("there is no stream to log to")
            self._stream.write(line + "\n")
            self._stream.flush()
            return
        # The rest of a line that was cut would swallow this one.
        left = memoryview(b"\n" * self._torn + line.encode(errors="backslashreplace") + b"\n")
        whole = len(left)
        try:
            while left:
                left = left[self._write(self._descriptor, left) :]
            self._torn = False
        except OSError:
            self._torn = self._torn or len(left) < whole
            raise

    log = debug = info = warn = warning = msg
    fatal = failure = err = error = critical = exception = msg

    def _write(self, descriptor: int, left: memoryview) -> int:
        if self._poll is None:
            return os.write(descriptor, left)
        ready = self._poll.poll(0 if self._stalled else PATIENCE_MS)
        self._stalled = not ready
        if not ready:
            raise BlockingIOError("the reader of the log does not read")
        return os.write(descriptor, left[:PIPE_BYTES])


def never_failing(bound: type[Any], on_failure: Callable[[], object]) -> type[Any]:
    """The bound logger `bound`, of which no call raises an Exception. `on_failure` is called instead.

    A line that cannot be rendered counts too.
    """

    class NeverFailing(bound):  # type: ignore[misc]  # structlog makes the class per level
        def _proxy_to_logger(self, method_name: str, event: Any = None, **fields: Any) -> Any:
            try:
                return super()._proxy_to_logger(method_name, event, **fields)
            except structlog.DropEvent:
                return None
            except Exception:  # noqa: BLE001 -- logging decides nothing, whatever goes wrong in it
                on_failure()
                return None

    return NeverFailing


def _descriptor(stream: TextIO | None) -> int | None:
    """The descriptor of a real file. None for a stream in memory, for the one above a status line, and if closed."""
    try:
        if stream is None or not hasattr(stream, "buffer"):
            return None
        stream.flush()
        os.fstat(descriptor := stream.fileno())
        return descriptor
    except (OSError, ValueError):
        return None


def _poll(descriptor: int | None) -> "select.poll | None":
    """A poll for a pipe or socket, whose writes can block without end. None for files and terminals."""
    if descriptor is None:
        return None
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISFIFO(mode) and not stat.S_ISSOCK(mode):
        return None
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return poll
