"""One membership of the consumer group: joining, reading, committing batches, reporting progress, leaving.

Invariant: only records of partitions that this member holds are committed. See `consumer` for the stored offsets.
"""

import asyncio
import re
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any, Protocol

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import (
    CommitFailedError,
    GroupCoordinatorNotAvailableError,
    IllegalStateError,
    OffsetOutOfRangeError,
)
from aiokafka.structs import TopicPartition

from projections.engine.batch import Incoming, PreparedBatch
from projections.engine.database import REFUSALS_ALONE, Refused
from projections.engine.offsets import Advance
from projections.engine.projector import Applied, Fenced
from projections.kafka.aiokafka_internals import close_client
from projections.kafka.assignment import Assignment
from projections.kafka.batches import Batch, BatchSize, advances, batches, halves, incoming, size
from projections.kafka.log_bounds import ANSWER_SECONDS, KAFKA_ERRORS
from projections.kafka.offset_claims import RECHECK_SECONDS, OffsetClaims
from projections.kafka.outage import Outage
from projections.metrics import ProjectorMetrics
from projections.settings import ProjectSettings
from schemas.errors import Misconfigured, Unavailable
from schemas.kafka.topics import Topics

POLL_RECORDS = 2000
POLL_MS = 200
COMMIT_SECONDS = 3.0
CHECK_SECONDS = 10.0  # how long a replaced database stays unnoticed where no record comes
LAST_BATCH_SECONDS = 12.0  # of the 20 s that a stop may take
LEAVE_SECONDS = 6.0
REFUSED_SECONDS = 0.5  # between two tries of one record that Postgres refuses
STALLED_SECONDS = 30.0  # longer than any rebalance: after it a new client joins
log = structlog.get_logger()


class BatchWriter(Protocol):
    """The part of the projector that the consumer uses."""

    async def prepare(self, batch: Sequence[Incoming]) -> PreparedBatch:
        """Do everything that needs no transaction. Raises Unavailable and Misconfigured."""

    async def commit(
        self, prepared: PreparedBatch, advances: Sequence[Advance] = (), *, blame_events: bool = False
    ) -> Applied:
        """Write one transaction. Raises Unavailable, Misconfigured and Fenced; any other error is a bug.

        With `blame_events`, an event for which Postgres lacks memory, locks or time becomes a dead letter.
        """


class GroupMembership:
    """One membership of the consumer group, from joining to leaving, with one client."""

    def __init__(
        self,
        settings: ProjectSettings,
        projector: BatchWriter,
        consumer: AIOKafkaConsumer,
        *,
        owner: str,
        metrics: ProjectorMetrics,
        kafka: Outage,
        postgres: Outage,
    ) -> None:
        self._topics = Topics(settings.ledger_topic_prefix).all
        self._projector = projector
        self._consumer = consumer
        self._metrics = metrics
        self._kafka = kafka
        self._postgres = postgres
        self._assignment = Assignment(consumer, metrics)
        self._offset_claims = OffsetClaims(
            consumer, self._assignment, settings.client_options(), settings.database_url, owner, postgres, kafka
        )
        self._missing: set[str] = set()
        self._prepared: asyncio.Queue[tuple[Batch, PreparedBatch]] = asyncio.Queue(maxsize=1)
        self._batch_size = BatchSize()
        self._stopping = False

    async def run(self, stop: asyncio.Event) -> None:
        """Join, feed the projector until `stop` is set, leave. Raises KAFKA_ERRORS where a new client is needed."""
        tasks: list[asyncio.Task[Any]] = [asyncio.create_task(stop.wait())]
        try:
            tasks.append(asyncio.create_task(self._join()))
            await _wait_for_first(tasks)
            if not stop.is_set():
                loops = (self._read(), self._commit_batches(), self._maintain())
                tasks += [asyncio.create_task(loop) for loop in loops]
                await _wait_for_first([tasks[0], *tasks[2:]])
            await self._finish_batch()
        finally:
            self._stopping = True
            for task in tasks:
                task.cancel()
            ended, _ = await asyncio.wait(tasks, timeout=LEAVE_SECONDS)
            for task in ended:
                task.cancelled() or task.exception()  # the first one's error was raised already
            await self._leave()

    async def _join(self) -> None:
        await self._consumer.start()
        while not self._topics_exist(await self._consumer.topics()):  # noqa: ASYNC110 - no event says that one is made
            await asyncio.sleep(1)
        # By pattern, not by name: a client that asks the brokers for a name may create that topic by asking. And each
        # member, not only the group's leader, notices that a topic is gone, and verifies its logs again.
        names = "|".join(re.escape(topic) for topic in self._topics)
        self._consumer.subscribe(pattern=f"^(?:{names})$", listener=self._assignment)

    def _topics_exist(self, topics: Collection[str]) -> bool:
        """Whether all our topics are among these; a missing one is logged once."""
        missing = set(self._topics).difference(topics)
        if missing - self._missing:
            log.warning("topics_missing", topics=sorted(missing), what_now="waiting; run `telnyx-ledger topics`")
        self._missing = missing
        return not missing

    async def _read(self) -> None:
        """Poll and prepare, at most two batches ahead of the one that is committed."""
        while not self._stopping:
            for batch in batches(await self._poll(), self._batch_size.records):
                if not self._stopping:
                    try:
                        await self._prepared.put((batch, await self._projector.prepare(incoming(batch))))
                    except (Unavailable, Misconfigured) as error:
                        self._postgres_failed(batch, error)

    async def _commit_batches(self) -> None:
        while True:
            batch, prepared = await self._prepared.get()
            if not self._stopping:
                await self._apply(batch, prepared)

    async def _poll(self) -> Batch:
        """The next records that may be applied, of the partitions that are placed."""
        # Polled even where no partition is placed: getmany() then raises the errors of the group's coordinator.
        readable = self._assignment.readable()
        try:
            polled = await self._consumer.getmany(*readable, timeout_ms=POLL_MS, max_records=POLL_RECORDS)
        except OffsetOutOfRangeError as error:
            self._assignment.reread_offsets(error.args[0], due=0.0)
            return {}
        stop_until = asyncio.get_running_loop().time() + RECHECK_SECONDS
        return self._assignment.next_segments(polled, stop_until=stop_until)

    async def _apply(self, batch: Batch, prepared: PreparedBatch | None = None) -> None:
        """Apply the segments of the batch that are still ours. After a fence or an outage, their offsets are reread."""
        refusals = 0
        while current := self._current(batch):
            try:
                with self._assignment.batch([segment.assigned for segment in current.values()]):
                    if prepared is None or len(current) < len(batch):
                        prepared = await self._projector.prepare(incoming(current))
                    await self._commit(current, prepared, blame_events=refusals >= REFUSALS_ALONE)
            except Fenced as fenced:
                self._metrics.fenced.inc(len(fenced.lost))
                due = asyncio.get_running_loop().time() + 0.2
                self._assignment.reread_offsets([TopicPartition(*partition) for partition in fenced.lost], due=due)
            except Refused as refused:
                refusals += 1
                if await self._after_refusal(current, refused, try_again=refusals <= REFUSALS_ALONE):
                    return
            except (Unavailable, Misconfigured) as error:  # Misconfigured: the database is being replaced
                self._postgres_failed(current, error)
            else:
                return

    async def _after_refusal(self, batch: Batch, refused: Refused, *, try_again: bool) -> bool:
        """Apply a batch that was refused in halves. Returns False for a record alone, which may be tried again."""
        # Its records may be the cause: the same batch would be refused forever, and with it every record behind it.
        # Nothing of it was committed. The next commit opens a new connection: if that fails, it is an outage.
        records = size(batch)
        if records == 1:
            if try_again and refused.may_be_one_event and not self._stopping:
                await asyncio.sleep(REFUSED_SECONDS)
            else:
                self._postgres_failed(batch, refused)
            return False
        log.warning("batch_refused", records=records, error=str(refused), what_now="trying it in halves")
        self._batch_size.refused(records)
        for half in halves(batch):
            if not self._stopping:
                await self._apply(half)
        return True

    def _postgres_failed(self, batch: Batch, error: Unavailable | Misconfigured) -> None:
        """Postgres is unavailable: the offsets that it stores, read later, say whether the batch was committed."""
        due = asyncio.get_running_loop().time() + self._postgres.failed(error)
        self._assignment.reread_offsets(self._current(batch), due=due)

    def _current(self, batch: Batch) -> Batch:
        """The segments whose partitions were not revoked or placed again since they were polled."""
        return {
            partition: segment
            for partition, segment in batch.items()
            if self._assignment.is_current(partition, segment.assigned)
        }

    async def _commit(self, batch: Batch, prepared: PreparedBatch, *, blame_events: bool) -> None:
        began = time.perf_counter()
        moves = advances(batch, prepared.keys)
        applied = await self._projector.commit(prepared, moves, blame_events=blame_events)
        self._batch_size.succeeded()
        for segment in batch.values():
            segment.assigned.next_offset = segment.records[-1].offset + 1
        self._postgres.answered()
        self._metrics.applied(
            len(prepared.keys),
            time.perf_counter() - began,
            stored=applied.stored,
            duplicates=applied.duplicates,
            parked=applied.quarantined,
            dead_letters=applied.dead_letters,
        )

    async def _maintain(self) -> None:
        """Beside the batches: place partitions, check them, and report progress to Kafka and the metrics.

        Raises GroupCoordinatorNotAvailableError where no partition was readable for 30 s.
        """
        reported = checked = readable = time.monotonic()
        while True:
            self._assignment.changed.clear()
            await self._offset_claims.place_due()
            if self._postgres.recent or not self._assignment.has_no_readable_partition:
                readable = time.monotonic()
            elif time.monotonic() - readable > STALLED_SECONDS:
                raise GroupCoordinatorNotAvailableError(f"nothing to read for {STALLED_SECONDS:.0f} s")
            if time.monotonic() - checked > CHECK_SECONDS:
                await self._offset_claims.check_ready()
                checked = time.monotonic()
            if time.monotonic() - reported > COMMIT_SECONDS:
                await self._report_progress()
                reported = time.monotonic()
            with suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    await self._assignment.changed.wait()

    async def _report_progress(self) -> None:
        """Commit to Kafka the offsets that Postgres has. Only lag tools read them: a failure is an outage, no more."""
        self._topics_exist(self._consumer.subscription())
        ready = self._assignment.ready()
        for partition, next_offset in ready.items():
            end = self._consumer.highwater(partition)
            self._metrics.lag.labels(*partition).set(max(0, (end or next_offset) - next_offset))
        if not ready:
            return
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._consumer.commit(ready)
        except (CommitFailedError, IllegalStateError):
            return  # a rebalance is under way
        except KAFKA_ERRORS as error:
            self._kafka.failed(error)
        else:
            self._kafka.answered()

    async def _finish_batch(self) -> None:
        self._stopping = True
        try:
            async with asyncio.timeout(LAST_BATCH_SECONDS):
                await self._assignment.idle.wait()
        except TimeoutError:
            log.warning("last_batch_given_up", waited_seconds=LAST_BATCH_SECONDS)

    async def _leave(self) -> None:
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                await self._consumer.stop()
        except (asyncio.CancelledError, *KAFKA_ERRORS) as error:
            # aiokafka cancels its fetches and awaits them: while the broker is unavailable, a fetch ends as cancelled,
            # not this task.
            if isinstance(error, asyncio.CancelledError) and (task := asyncio.current_task()) and task.cancelling():
                raise
            log.warning("group_left_without_goodbye", error=type(error).__name__)
            with suppress(TimeoutError):
                async with asyncio.timeout(LEAVE_SECONDS):
                    await close_client(self._consumer)


async def _wait_for_first(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Wait until one task ends, and raise its error."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()
