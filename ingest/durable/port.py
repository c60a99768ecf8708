"""The port through which a record becomes durable. SpoolOnly and KafkaFirst implement it."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from ingest.durable.spool import Spool
from schemas.kafka.record import Record


class DurablePort(Protocol):
    """The part that admission uses."""

    @property
    def can_accept(self) -> bool:
        """Whether a record could become durable now."""

    @property
    def problem(self) -> str | None:
        """The reason why no record could become durable now, if there is one."""

    async def persist(self, record: Record, deadline: float) -> None:
        """Return when the record is durable, so that it may be answered 2xx.

        Raises Unavailable if nothing could take it, 0.3 s after `deadline` (loop time) at the latest.
        """

    async def wait_for_idle_producer(self) -> None:
        """Return when a record would be sent on at once, or after 10 ms."""

    def recent_keys(self) -> Sequence[tuple[str, str]]:
        """(topic, event_key) of the records that waited at the start, newest first. Given once, then forgotten."""


class ManagedPort(DurablePort, Protocol):
    """The part that the process uses."""

    @property
    def spool(self) -> Spool: ...

    @property
    def sink_unavailable(self) -> bool:
        """Whether records wait in the spool because the sink does not answer."""

    @property
    def tasks(self) -> "Sequence[asyncio.Task[None]]":
        """The tasks that run from `start` to `close`. Only a bug ends one earlier."""

    async def start(self) -> None:
        """Open the spool and begin to drain. Raises Misconfigured, with nothing left open."""

    def retry_refused(self) -> None:
        """Offer the sink again what it refused. This happens at every start, and when a producer is connected."""

    async def close(self) -> None:
        """Finish what is under way within a few seconds. The rest stays in the spool."""
