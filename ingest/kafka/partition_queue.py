"""The records that wait for one Kafka partition, and the batches that are cut from them.

Invariant: a record leaves the queue only with its answer.
"""

from collections.abc import Callable
from typing import Any

import structlog
from aiokafka import TopicPartition

from ingest.kafka.aiokafka_internals import DefaultRecordBatchBuilder
from schemas.kafka.record import Record
from schemas.kafka.sink import Verdict

Done = Callable[[Verdict], None]
Pending = tuple[Record, Done]

BATCH_BYTES = 512 * 1024

_log = structlog.get_logger(__name__)


class PartitionQueue:
    """The records that wait for one partition.

    `unavailable` after a failure that no record caused, until a request succeeds. `suspects` are groups of records, one
    of which was refused.
    """

    __slots__ = ("sending", "suspects", "topic_partition", "unavailable", "waiting")

    def __init__(self, topic: str, partition: int) -> None:
        self.topic_partition = TopicPartition(topic, partition)
        self.waiting: list[Pending] = []
        self.suspects: list[list[Pending]] = []
        self.sending: list[Pending] = []  # in the request under way
        self.unavailable = False

    def fill(self) -> bytes:
        """The next batch: a group of suspects, else the waiting records, as many as fit."""
        are_suspects = bool(self.suspects)
        if are_suspects:
            source = self.suspects.pop()
        else:
            source, self.waiting = self.waiting, []
        self.sending = source  # from here on `answer_all` finds them, whatever is raised below
        # magic 2, no compression, no transaction, no producer id
        builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, 0, BATCH_BYTES)
        taken = 0
        while taken < len(source) and _appended(builder, taken, source[taken][0]):
            taken += 1
        self.sending, rest = source[:taken], source[taken:]
        if not are_suspects:
            self.waiting = rest
        elif rest:
            self.suspects.append(rest)
        return bytes(builder.build())

    def halve(self) -> None:
        """Split a batch in which a record was refused. Its halves are sent one after the other."""
        middle = len(self.sending) // 2
        self.suspects += [self.sending[middle:], self.sending[:middle]]
        self.sending = []

    def answer(self, verdict: Verdict) -> None:
        """Answer the records of the request under way."""
        sent, self.sending = self.sending, []
        for record, done in sent:
            try:
                done(verdict)
            except Exception:  # noqa: BLE001 -- one that cannot take its answer keeps it from no other
                _log.exception("answer_failed", event_key=record.event_key)

    def answer_all(self, verdict: Verdict) -> None:
        """Answer every record of the queue."""
        self.sending += [pending for group in self.suspects for pending in group] + self.waiting
        self.suspects, self.waiting = [], []
        self.answer(verdict)


def _appended(builder: Any, offset: int, record: Record) -> bool:
    added = builder.append(offset, None, record.key, record.value, list(record.headers))
    return added is not None
