"""The outage of a part of the system: logged once when it begins and once when it ends, however often it is retried."""

import time

import structlog

from projections.metrics import ProjectorMetrics
from schemas.retry import Backoff, SayOnce

FORGET_SECONDS = 30.0
RECENT_SECONDS = 15.0  # beyond the longest delay and the time that a try may take
log = structlog.get_logger()


class Outage:
    """Whether one part (`postgres`, `kafka`) answers, for the log and the metrics."""

    def __init__(self, part: str, metrics: ProjectorMetrics) -> None:
        self._part = part
        self._gauge = metrics.unavailable[part]
        self._backoff = Backoff(0.1, 5.0)
        self._state = SayOnce("answers")
        self._last_failure = float("-inf")

    @property
    def recent(self) -> bool:
        """Whether a try failed in the last 15 s."""
        return time.monotonic() - self._last_failure < RECENT_SECONDS

    def failed(self, error: BaseException) -> float:
        """Note a failure. Returns the seconds to wait before the next try."""
        now = time.monotonic()
        if self._state.enter("unavailable"):
            reason = str(error) or type(error).__name__
            log.warning("part_away", part=self._part, error=reason, what_now="waiting for it")
        # An answer does not reset the delay: a part that answers one request and fails the next would be asked without
        # a pause.
        if now - self._last_failure > FORGET_SECONDS:
            self._backoff.reset()
        self._last_failure = now
        self._gauge.set(1)
        return self._backoff.next_seconds()

    def answered(self) -> None:
        """Note an answer."""
        if self._state.enter("answers"):
            log.info("part_back", part=self._part)
        self._gauge.set(0)
