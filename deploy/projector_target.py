"""The end of the spool in embedded mode: the projector takes the place that Kafka has in production."""

from collections.abc import Sequence
from datetime import UTC, datetime

from projections.projector import Incoming, Projector
from schemas.errors import Rejected
from schemas.record import Record


class ProjectorTarget:
    """Delivers records in one transaction each time: what was delivered is in the tables."""

    def __init__(self, projector: Projector) -> None:
        self._projector = projector
        self.projected = 0

    async def deliver(self, records: Sequence[Record]) -> Sequence[Rejected | None]:
        """One answer a record, always None: a projector refuses nothing. Raises Unavailable while Postgres is away."""
        now = datetime.now(UTC)
        await self._projector.apply([Incoming(record.value, record.headers, now) for record in records])
        self.projected += len(records)
        return [None] * len(records)
