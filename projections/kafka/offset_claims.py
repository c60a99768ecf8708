"""Places partitions at the offsets that Postgres stores: reads an offset, compares it with the log, and claims it.

Invariant: only one member of the group holds a partition. A claim asks the group's coordinator whether this process is
still its member (it refuses a commit of anyone else), and then takes the row only if it is still as it was read. A
process that froze anywhere in between finds that its successor took the row, and gets nothing.
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
class Claims:
    """The result for some partitions; one whose leader did not answer is in none of the three."""

    cluster_id: str
    fitting: dict[TopicPartition, tuple[StoredOffset, LogBounds]]
    problems: dict[TopicPartition, str]
    claimed: set[TopicPartition]


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
        """Place every due partition that can be placed now, and postpone the others. Outages are noted, not raised."""
        now = asyncio.get_running_loop().time
        due = self.assignment.due(now())
        if not due:
            return
        try:
            claims = await self._claim(list(due))
        except (Unavailable, Misconfigured) as error:  # Misconfigured: a password or a database is being replaced
            self.assignment.postpone(due, due=now() + self.postgres.failed(error))
        except KAFKA_ERRORS as error:
            self.assignment.postpone(due, due=now() + self.kafka.failed(error))
        else:
            self._place(due, claims, now())

    async def check_ready(self) -> None:
        """Place ready partitions again whose stored offset is not the one that this process holds."""
        # A fence notices that only where records come. Without this check, a quiet partition of a database that was
        # replaced by an older copy would keep the older rows.
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
            self.assignment.reread_moved(before, stored, self.owner)

    async def _claim(self, partitions: list[TopicPartition]) -> Claims:
        """Raises Unavailable, Misconfigured and KAFKA_ERRORS."""
        cluster_id = await cluster_id_of(self.client_options)
        logs = await log_bounds(self.consumer, partitions)
        async with connection_to(self.database_url) as connection:
            await begin_offsets(connection, {partition: log.start for partition, log in logs.items()}, cluster_id)
            stored = await read_offsets(connection, list(logs))
            problems, fitting = {}, {}
            for partition, log in logs.items():
                if problem := offset_problem(stored[partition], log, cluster_id):
                    problems[partition] = problem
                else:
                    fitting[partition] = stored[partition], log
            seen = {partition: offset for partition, (offset, _) in fitting.items()}
            claimed = await claim(connection, seen, self.owner, cluster_id) if await self._is_member(seen) else set()
        self.postgres.answered()
        self.kafka.answered()
        return Claims(cluster_id, fitting, problems, claimed)

    async def _is_member(self, seen: Mapping[TopicPartition, StoredOffset]) -> bool:
        """Whether the group assigns these to this process now. Writes Kafka's own offsets on the way, for lag tools."""
        if not seen:
            return False
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self.consumer.commit({partition: stored.next_offset for partition, stored in seen.items()})
        except (CommitFailedError, IllegalStateError):  # expelled, or the group is rebalancing
            return False
        return True

    def _place(self, due: Mapping[TopicPartition, AssignedPartition], claims: Claims, now: float) -> None:
        # Nothing is awaited here: no rebalance comes between the check and the placing.
        for partition, assigned in due.items():
            if not self.assignment.is_current(partition, assigned):
                continue  # a rebalance came while the offsets were read
            if problem := claims.problems.get(partition):
                self.assignment.stop(partition, problem, due=now + RECHECK_SECONDS)
            elif partition in claims.claimed:
                stored, log = claims.fitting[partition]
                self.assignment.place(partition, stored, sentinel_offset(stored, log), claims.cluster_id)
            else:
                self.assignment.postpone([partition], due=now + RETRY_SECONDS)
