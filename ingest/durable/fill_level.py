"""Logs how full the spool is: once at 50 %, at 80 %, and when it takes nothing more."""

import structlog

MARKS = (50, 80, 100)
FORGET_PERCENT = 40  # below it, the next rise is logged again

_log = structlog.get_logger(__name__)


class FillLevel:
    """The highest mark that was logged since the spool was nearly empty."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._logged = 0

    def note(self, used_bytes: int, *, is_full: bool = False) -> None:
        """Log the mark that these bytes reach, unless it is logged. `is_full`: an entry found no room."""
        if not self._logged and not is_full and used_bytes * 100 < MARKS[0] * self._limit_bytes:
            return  # nearly every call
        percent = 100 if is_full else used_bytes * 100 // self._limit_bytes
        if percent < FORGET_PERCENT:
            if self._logged == MARKS[-1]:
                _log.info("spool_has_room", bytes=used_bytes, limit_bytes=self._limit_bytes)
            self._logged = 0
        reached = max((mark for mark in MARKS if mark <= percent), default=0)
        if reached <= self._logged:
            return
        self._logged = reached
        write, event = (_log.error, "spool_full") if reached == MARKS[-1] else (_log.warning, "spool_filling")
        write(
            event,
            percent=reached,
            bytes=used_bytes,
            limit_bytes=self._limit_bytes,
            setting="LEDGER_SPOOL_MAX_BYTES",
            remedy="bring the sink back, or raise the setting if the disk has room",
        )
