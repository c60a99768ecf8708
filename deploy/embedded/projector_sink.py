"""The sink of the spool in embedded mode: the projector, in the place that Kafka has in production."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from projections.engine.batch import Incoming
from projections.engine.database import REFUSALS_ALONE, Refused
from projections.engine.projector import Projector
from schemas.kafka.record import Record
from schemas.kafka.sink import Verdict
from schemas.reading.signing import KeyRing


class ProjectorSink:
    """Applies the records of each delivery in one transaction: a delivered record is in the tables.

    `keys` returns the key ring that admitted the records. SIGHUP may replace it, and the projector verifies again.
    """

    def __init__(self, projector: Projector) -> None:
        self._projector = projector
        self._keys: KeyRing | None = None
        self.keys: Callable[[], KeyRing | None] = lambda: None

    async def deliver(self, records: Sequence[Record]) -> Sequence[Verdict]:
        """Return None for each record: a projector refuses none. Raises Unavailable if Postgres does not answer."""
        keys = self.keys()
        if keys is not None and keys is not self._keys:
            self._projector.replace_keys(keys)
            self._keys = keys
        now = datetime.now(UTC)
        await self._apply([Incoming(record.value, record.headers, now) for record in records])
        return [None] * len(records)

    async def _apply(self, batch: Sequence[Incoming]) -> None:
        """Apply a batch, in halves where Postgres refuses it: its records may be the cause, down to one of them."""
        refusals = 0
        while True:
            try:
                prepared = await self._projector.prepare(batch)
                await self._projector.commit(prepared, blame_events=refusals >= REFUSALS_ALONE)
            except Refused as refused:
                refusals += 1
                if len(batch) == 1 and (refusals > REFUSALS_ALONE or not refused.may_be_one_event):
                    raise
            else:
                return
            if len(batch) > 1:
                half = len(batch) // 2
                await self._apply(batch[:half])
                await self._apply(batch[half:])
                return
