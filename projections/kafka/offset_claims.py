"""Places partitions where the tables left off: reads what is stored, holds it against the log, and takes ownership.

The order is what makes it safe. Read the stored row; then ask the group's coordinator whether we still are its member
(a commit is refused to anybody else); then take the row, if it still is as it was read. A process that is frozen
anywhere in between finds that its successor took the row, and gets nothing.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import CommitFailedError, IllegalStateError
from aiokafka.structs import TopicPartition

from projections.engine.database import connection_to
from projections.engine.offsets import (
    LogBounds,
    StoredOffset,
    begin_offsets,
    claim,
    offset_problem,
    read_offsets,
    sentinel_offset,
)
from projections.kafka.assignment import AssignedPartition, Assignment
from projections.kafka.log_bounds import ANSWER_SECONDS, KAFKA_ERRORS, cluster_id_of, log_bounds
from projections.kafka.outage import Outage
from schemas.errors import Misconfigured, Unavailable

RECHECK_SECONDS = 4.0  # a stopped partition: its gap may be accepted meanwhile
RETRY_SECONDS = 0.3  # the group is about to rebalance, or another owner came first


@dataclass(frozen=True, slots=True)
class Found:
    """What was learnt about partitions; those that could not be asked for are in none of the three."""

    cluster_id: str
    fitting: dict[TopicPartition, tuple[StoredOffset, LogBounds]]
    problems: dict[TopicPartition, str]
    taken: set[TopicPartition]


@dataclass(frozen=True, slots=True)
class OffsetClaims:
    """Places the partitions of one assignment."""

    consumer: AIOKafkaConsumer
    assignment: Assignment
    client_options: Mapping[str, Any]
    database_url: str
    owner: str
    postgres: Outage
    kafka: Outage

    async def place_due(self) -> None:
        """Place what can be placed now and postpone the rest. An outage is noted, not raised."""
        now = asyncio.get_running_loop().time
        due = self.assignment.due(now())
        if not due:
            return
        try:
            found = await self._find(list(due))
        except (Unavailable, Misconfigured) as error:  # Misconfigured: a password or a database is being replaced
            self.assignment.postpone(due, due=now() + self.postgres.failed(error))
        except KAFKA_ERRORS as error:
            self.assignment.postpone(due, due=now() + self.kafka.failed(error))
        else:
            self._place(due, found, now())

    async def check_ready(self) -> None:
        """Have a partition placed again whose stored position is not the one that we hold.

        A fence says so only where records come. A quiet partition of a database that was replaced by an older copy
        would else stay at its older rows.
        """
        before = self.assignment.snapshot()
        if not before:
            return
        try:
            async with connection_to(self.database_url) as connection:
                stored = await read_offsets(connection, list(before))
        except (Unavailable, Misconfigured) as error:
            self.postgres.failed(error)
        else:
            self.postgres.answered()
            self.assignment.compare(before, stored, self.owner)

    async def _find(self, partitions: list[TopicPartition]) -> Found:
        """Raises Unavailable, Misconfigured and KAFKA_ERRORS."""
        cluster_id = await cluster_id_of(self.client_options)
        bounds = await log_bounds(self.consumer, partitions)
        async with connection_to(self.database_url) as connection:
            await begin_offsets(connection, {one: log.start for one, log in bounds.items()}, cluster_id)
            stored = await read_offsets(connection, list(bounds))
            judged = {one: offset_problem(stored[one], log, cluster_id) for one, log in bounds.items()}
            problems = {one: problem for one, problem in judged.items() if problem is not None}
            fitting = {one: (stored[one], log) for one, log in bounds.items() if one not in problems}
            seen = {one: position for one, (position, _) in fitting.items()}
            taken = await claim(connection, seen, self.owner, cluster_id) if await self._is_member(seen) else set()
        self.postgres.answered()
        self.kafka.answered()
        return Found(cluster_id, fitting, problems, taken)

    async def _is_member(self, seen: Mapping[TopicPartition, StoredOffset]) -> bool:
        """Whether the group gave us these, as of now. Kafka's own offsets are written on the way, for lag tools."""
        if not seen:
            return False
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self.consumer.commit({one: position.next_offset for one, position in seen.items()})
        except (CommitFailedError, IllegalStateError):  # expelled, or the group is rebalancing
            return False
        return True

    def _place(self, due: Mapping[TopicPartition, AssignedPartition], found: Found, now: float) -> None:
        """Nothing is awaited here, so that no rebalance comes between the look and the step."""
        for partition, held in due.items():
            if not self.assignment.holds(partition, held):
                continue  # a rebalance came while we were asking
            if problem := found.problems.get(partition):
                self.assignment.stop(partition, problem, due=now + RECHECK_SECONDS)
            elif partition in found.taken:
                position, bounds = found.fitting[partition]
                self.assignment.place(partition, position, sentinel_offset(position, bounds), found.cluster_id)
            else:
                self.assignment.postpone([partition], due=now + RETRY_SECONDS)
