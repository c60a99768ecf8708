"""Says once that a part went away and once that it is back, however often it is tried in between."""

import time

import structlog

from projections.metrics import ProjectorMetrics
from schemas.retry import Backoff, SayOnce

FORGET_SECONDS = 30.0
LATELY_SECONDS = 15.0  # beyond the longest delay and the time that a try may take
log = structlog.get_logger()


class Outage:
    """Whether one part (`postgres`, `kafka`) answers, as the log and the metrics tell it."""

    def __init__(self, part: str, metrics: ProjectorMetrics) -> None:
        self._part = part
        self._gauge = metrics.away[part]
        self._backoff = Backoff(0.1, 5.0)
        self._state = SayOnce("answers")
        self._last_failure = float("-inf")

    @property
    def lasts(self) -> bool:
        """Whether the last try failed."""
        return self._state.state == "away"

    @property
    def lately(self) -> bool:
        """Whether a try has just failed."""
        return time.monotonic() - self._last_failure < LATELY_SECONDS

    def failed(self, error: BaseException) -> float:
        """Note a failure. Gives how long to wait before the next try, in seconds."""
        now = time.monotonic()
        if self._state.enter("away"):
            log.warning("part_away", part=self._part, error=_words(error), what_now="waiting for it")
        # A part that answers one question and fails the next must not be asked without a pause for ever.
        if now - self._last_failure > FORGET_SECONDS:
            self._backoff.reset()
        self._last_failure = now
        self._gauge.set(1)
        return self._backoff.next_seconds()

    def answered(self) -> None:
        """Note that it answers."""
        if self._state.enter("answers"):
            log.info("part_back", part=self._part)
        self._gauge.set(0)


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__
