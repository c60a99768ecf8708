"""The port for everything that takes records: Kafka, or in embedded mode the projector."""

from collections.abc import Sequence
from typing import Protocol

from schemas.errors import Rejected, Unavailable
from schemas.kafka.record import Record

# None: the record is durable in the sink. Rejected: the sink will never take it. Unavailable: not yet, try again.
Verdict = Rejected | Unavailable | None


class RecordSink(Protocol):
    """Takes records from the spool, from quarantine and from a replay."""

    async def deliver(self, records: Sequence[Record]) -> Sequence[Verdict]:
        """One verdict per record, in their order.

        Raises Unavailable when the sink as a whole does not answer; any of the records may be in it nevertheless.
        """
