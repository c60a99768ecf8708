"""Says once that a part went away and once that it is back, however often it is tried in between."""

import time

import structlog

from projections.metrics import ProjectorMetrics

FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 5.0
FORGET_SECONDS = 30.0
LATELY_SECONDS = 15.0  # beyond the longest delay and the time that a try may take
log = structlog.get_logger()


class Outage:
    """Whether one part (`postgres`, `kafka`) answers, as the log and the metrics tell it."""

    def __init__(self, part: str, metrics: ProjectorMetrics) -> None:
        self._part = part
        self._gauge = metrics.away[part]
        self._failures = 0
        self._last_failure = float("-inf")
        self.lasts = False

    @property
    def lately(self) -> bool:
        """Whether a try has just failed."""
        return time.monotonic() - self._last_failure < LATELY_SECONDS

    def failed(self, error: BaseException) -> float:
        """Note a failure. Gives how long to wait before the next try, in seconds."""
        now = time.monotonic()
        if not self.lasts:
            log.warning("part_away", part=self._part, error=_words(error), what_now="waiting for it")
        # A part that answers one question and fails the next must not be asked without a pause for ever.
        self._failures = 0 if now - self._last_failure > FORGET_SECONDS else self._failures + 1
        self._last_failure, self.lasts = now, True
        self._gauge.set(1)
        return min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2.0 ** min(self._failures, 10))

    def answered(self) -> None:
        """Note that it answers."""
        if self.lasts:
            log.info("part_back", part=self._part)
        self.lasts = False
        self._gauge.set(0)


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__
