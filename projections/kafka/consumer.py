"""Feeds the projector from Kafka: every record of every partition, in order, each batch in one transaction.

What was applied is known by the offsets that Postgres committed with the rows, by nothing else: after any doubt (an
error during a commit, a fence, a rebalance, a restart) a partition is placed anew from there.
"""

import asyncio
import os
import re
import secrets
import socket
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any, Protocol

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import (
    CommitFailedError,
    GroupCoordinatorNotAvailableError,
    IllegalStateError,
    OffsetOutOfRangeError,
)
from aiokafka.structs import TopicPartition

from projections.engine.batch import Incoming, PreparedBatch
from projections.engine.offsets import Advance
from projections.engine.projector import Applied, Fenced
from projections.kafka.assignment import Assignment
from projections.kafka.batches import Batch, advances, batches, incoming
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
CHECK_SECONDS = 10.0  # until a database that was replaced is noticed where no record comes
LAST_BATCH_SECONDS = 12.0  # of the 20 s that a stop may take
LEAVE_SECONDS = 6.0
STALLED_SECONDS = 30.0  # longer than any rebalance: then the client is in doubt, and a new one joins
# A frozen owner is expelled after 9 s; the others learn it by their next heartbeat and take over: 12 s, of 15 allowed.
# Polls are far apart only where Postgres is away, and that is no reason to leave the group.
MEMBERSHIP = {
    "enable_auto_commit": False,
    "auto_offset_reset": "none",
    "session_timeout_ms": 9000,
    "heartbeat_interval_ms": 2000,
    "max_poll_interval_ms": 24 * 60 * 60 * 1000,
    "metadata_max_age_ms": 10_000,  # until a topic that was made (again) is noticed
    "request_timeout_ms": 15000,  # more than a rebalance takes
    "partition_assignment_strategy": (RangePartitionAssignor,),
    "fetch_max_bytes": 16 * 1024 * 1024,
    "fetch_max_wait_ms": 200,
}
log = structlog.get_logger()


class Applies(Protocol):
    """What the consumer needs of the projector."""

    async def prepare(self, batch: Sequence[Incoming]) -> PreparedBatch:
        """What needs no transaction, while another batch is committed. Raises Unavailable and Misconfigured."""

    async def commit(self, prepared: PreparedBatch, advances: Sequence[Advance] = ()) -> Applied:
        """One transaction. Raises Unavailable, Misconfigured and Fenced; anything else is a bug."""


def owner_name() -> str:
    """A name that no other process has, nor this one after a restart: what is stored beside the positions it holds."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


async def run(
    settings: ProjectSettings, projector: Applies, *, owner: str, metrics: ProjectorMetrics, stop: asyncio.Event
) -> None:
    """Feed the projector until `stop` is set, then return within 20 s. Outages are waited out.

    `owner` is the name that the projector was given. What `apply` raises but Unavailable and Fenced is raised.
    """
    kafka, postgres = Outage("kafka", metrics), Outage("postgres", metrics)
    while not stop.is_set():
        consumer = AIOKafkaConsumer(group_id=settings.ledger_consumer_group, **settings.client_options(), **MEMBERSHIP)
        feed = Feed(settings, projector, consumer, owner=owner, metrics=metrics, kafka=kafka, postgres=postgres)
        try:
            await feed.until(stop)
        except KAFKA_ERRORS as error:
            await _pause(stop, kafka.failed(error))


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()


class Feed:
    """One membership of the group, with a consumer of its own: from joining to leaving."""

    def __init__(
        self,
        settings: ProjectSettings,
        projector: Applies,
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
        self._ahead: asyncio.Queue[tuple[Batch, PreparedBatch]] = asyncio.Queue(maxsize=1)
        self._stopping = False

    async def until(self, stop: asyncio.Event) -> None:
        """Join, feed, leave. Raises one of KAFKA_ERRORS where a new consumer is needed."""
        tasks: list[asyncio.Task[Any]] = [asyncio.create_task(stop.wait())]
        try:
            tasks.append(asyncio.create_task(self._join()))
            await _first(tasks)
            if not stop.is_set():
                tasks += [asyncio.create_task(work) for work in (self._read(), self._feed(), self._tend())]
                await _first([tasks[0], *tasks[2:]])
            await self._end_batch()
        finally:
            self._stopping = True
            for task in tasks:
                task.cancel()
            ended, _ = await asyncio.wait(tasks, timeout=LEAVE_SECONDS)
            for task in ended:
                task.cancelled() or task.exception()  # the first one's was raised already
            await self._leave()

    async def _join(self) -> None:
        await self._consumer.start()
        while not self._complete(await self._consumer.topics()):  # noqa: ASYNC110 - nothing tells when one is made
            await asyncio.sleep(1)
        # By pattern, not by name: a client that asks the brokers for a name may create that topic by asking, and each
        # member, not only the group's leader, notices that a topic is gone, and has its positions proved again.
        names = "|".join(re.escape(topic) for topic in self._topics)
        self._consumer.subscribe(pattern=f"^(?:{names})$", listener=self._assignment)

    def _complete(self, topics: Collection[str]) -> bool:
        """Whether all topics are there; says once which are missing."""
        missing = set(self._topics).difference(topics)
        if missing - self._missing:
            log.warning("topics_missing", topics=sorted(missing), what_now="waiting; run `telnyx-ledger topics`")
        self._missing = missing
        return not missing

    async def _read(self) -> None:
        """Read and prepare, at most two batches ahead of the one that is committed."""
        while not self._stopping:
            for batch in batches(await self._poll()):
                if not self._stopping:
                    try:
                        await self._ahead.put((batch, await self._projector.prepare(incoming(batch))))
                    except (Unavailable, Misconfigured) as error:
                        self._away(batch, error)

    async def _feed(self) -> None:
        while True:
            batch, prepared = await self._ahead.get()
            if not self._stopping:
                await self._apply(batch, prepared)

    async def _poll(self) -> Batch:
        """The next records of the partitions that are placed, as far as they may be applied."""
        # Where none is placed, nothing but the errors of the group's coordinator can come of it, and those are wanted.
        reading = self._assignment.readable()
        try:
            polled = await self._consumer.getmany(*reading, timeout_ms=POLL_MS, max_records=POLL_RECORDS)
        except OffsetOutOfRangeError as error:
            self._assignment.wait_again(error.args[0], due=0.0)
            return {}
        stop_until = asyncio.get_running_loop().time() + RECHECK_SECONDS
        return self._assignment.next_segments(polled, stop_until=stop_until)

    async def _apply(self, batch: Batch, prepared: PreparedBatch) -> None:
        """Apply what of the batch is still ours. In doubt about anything, its partitions are placed anew."""
        while live := {one: part for one, part in batch.items() if self._assignment.holds(one, part.held)}:
            try:
                with self._assignment.batch([part.held for part in live.values()]):
                    if len(live) < len(batch):
                        prepared = await self._projector.prepare(incoming(live))
                    await self._commit(live, prepared)
            except Fenced as fenced:
                self._metrics.fenced.inc(len(fenced.lost))
                due = asyncio.get_running_loop().time() + 0.2
                self._assignment.wait_again([TopicPartition(*one) for one in fenced.lost], due=due)
            except (Unavailable, Misconfigured) as error:  # Misconfigured: the database is being replaced
                self._away(live, error)
            else:
                return

    def _away(self, batch: Batch, error: Unavailable | Misconfigured) -> None:
        """Postgres is away: what became of the batch is known by the positions that it says later."""
        due = asyncio.get_running_loop().time() + self._postgres.failed(error)
        self._assignment.wait_again(
            [one for one, part in batch.items() if self._assignment.holds(one, part.held)], due=due
        )

    async def _commit(self, batch: Batch, prepared: PreparedBatch) -> None:
        began = time.perf_counter()
        applied = await self._projector.commit(prepared, advances(batch, prepared.keys))
        for part in batch.values():
            part.held.next_offset = part.records[-1].offset + 1
        self._postgres.answered()
        self._metrics.applied(
            len(prepared.keys),
            time.perf_counter() - began,
            stored=applied.stored,
            duplicates=applied.duplicates,
            parked=applied.quarantined,
            dead=applied.dead,
        )

    async def _tend(self) -> None:
        """What goes on beside the batches: placing partitions, and telling Kafka and the metrics how far we are."""
        told = checked = fruitful = time.monotonic()
        while True:
            self._assignment.changed.clear()
            await self._offset_claims.place_due()
            if self._postgres.lately or not self._assignment.has_no_readable_partition:
                fruitful = time.monotonic()
            elif time.monotonic() - fruitful > STALLED_SECONDS:
                raise GroupCoordinatorNotAvailableError(f"nothing to read for {STALLED_SECONDS:.0f} s")
            if time.monotonic() - checked > CHECK_SECONDS:
                await self._offset_claims.check_ready()
                checked = time.monotonic()
            if time.monotonic() - told > COMMIT_SECONDS:
                await self._tell()
                told = time.monotonic()
            with suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    await self._assignment.changed.wait()

    async def _tell(self) -> None:
        """Commit to Kafka what Postgres has; only lag tools read it, so a failure says that Kafka is away, no more."""
        self._complete(self._consumer.subscription())
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

    async def _end_batch(self) -> None:
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
            # aiokafka cancels its fetches and awaits them: where the broker is away, one ends as cancelled, not we.
            if isinstance(error, asyncio.CancelledError) and (task := asyncio.current_task()) and task.cancelling():
                raise
            log.warning("group_left_without_goodbye", error=type(error).__name__)
            # What stop() would have come to: without it the client's own task lives on, for ever.
            with suppress(TimeoutError):
                async with asyncio.timeout(LEAVE_SECONDS):
                    await self._consumer._client.close()


async def _first(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Wait for one to end, and raise what it raised."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()
