"""For tests of the consumer: a projector that only moves offsets, members of a group, records in Kafka."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import asyncpg
from aiokafka import AIOKafkaProducer
from nacl.signing import SigningKey

from projections.engine.batch import Incoming, PreparedBatch
from projections.engine.database import connect, outages
from projections.engine.offsets import Advance, advance_offsets
from projections.engine.projector import Applied, Fenced, Projector
from projections.kafka.consumer import owner_name, run
from projections.metrics import ProjectorMetrics
from projections.settings import ProjectSettings
from schemas.kafka.record import Delivery, Record, event_record
from schemas.kafka.topics import Topics
from schemas.reading.event import Event, read
from schemas.settings import KafkaSettings
from tests.support.projections.offset_log import name_session
from tests.support.webhooks.builders import ACCOUNT, KEY, NOON, encode, key_id, public_key_setting, sign

RECEIVED_AT = NOON + timedelta(seconds=3)


@dataclass(frozen=True, slots=True)
class ValuesBatch(PreparedBatch):
    """A prepared batch that holds the values of its records and no rows."""

    values: Sequence[bytes]


class OffsetProjector:
    """Moves the offsets of a batch and writes nothing else; `seen` holds the values that it committed."""

    def __init__(self, database_url: str, owner: str) -> None:
        self._database_url = database_url
        self._owner = owner
        self._connection: asyncpg.Connection | None = None
        self.seen: list[bytes] = []

    async def prepare(self, batch: Sequence[Incoming]) -> ValuesBatch:
        """See projections.kafka.membership.BatchWriter."""
        values = [item.value for item in batch]
        return ValuesBatch([read(value).key for value in values], (), (), (), values)

    async def commit(
        self,
        prepared: PreparedBatch,
        advances: Sequence[Advance] = (),
        *,
        blame_events: bool = False,  # noqa: ARG002
    ) -> Applied:
        """See projections.kafka.membership.BatchWriter."""
        assert isinstance(prepared, ValuesBatch)
        try:
            if self._connection is None:
                self._connection = await connect(self._database_url)
                await name_session(self._connection, self._owner)
            with outages():
                await self._commit(self._connection, advances)
        except Fenced:
            raise
        except BaseException:
            self._drop()
            raise
        self.seen += prepared.values
        return Applied(len(prepared.keys), 0)

    async def _commit(self, connection: asyncpg.Connection, advances: Sequence[Advance]) -> None:
        async with connection.transaction():
            if lost := await advance_offsets(connection, advances, self._owner):
                raise Fenced(lost)

    async def close(self) -> None:
        """Close the connection."""
        self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


class Member:
    """A member of the group in this process, which names its projector's owner."""

    def __init__(self, settings: ProjectSettings, projector: OffsetProjector | Projector | None = None) -> None:
        self.owner = owner_name()
        self.metrics = ProjectorMetrics()
        self.projector = projector or OffsetProjector(settings.database_url, self.owner)
        self.projector._owner = self.owner
        self._stop = asyncio.Event()
        self.running = asyncio.create_task(
            run(settings, self.projector, owner=self.owner, metrics=self.metrics, stop=self._stop)
        )

    @property
    def seen(self) -> list[bytes]:
        """The values that the OffsetProjector committed."""
        assert isinstance(self.projector, OffsetProjector)
        return self.projector.seen

    async def leave(self) -> None:
        """Stop as SIGTERM does. Raises the error with which the member ended."""
        self._stop.set()
        try:
            await self.running
        finally:
            await self.projector.close()

    def gauge(self, name: str, **labels: str) -> float | None:
        """The value of a metric."""
        return self.metrics.registry.get_sample_value(name, labels)


@asynccontextmanager
async def member(
    settings: ProjectSettings, projector: OffsetProjector | Projector | None = None
) -> AsyncIterator[Member]:
    """A member that leaves at the end of the block."""
    joined = Member(settings, projector)
    try:
        yield joined
    finally:
        await joined.leave()


def project_settings(kafka: KafkaSettings, database_url: str) -> ProjectSettings:
    """Settings for these topics, and for a consumer group of this test alone."""
    return ProjectSettings.model_validate(
        {
            **kafka.model_dump(),
            "database_url": database_url,
            "telnyx_public_keys": public_key_setting(),
            "ledger_consumer_group": kafka.ledger_topic_prefix,
        }
    )


@asynccontextmanager
async def producing(bootstrap: str, *, transactional_id: str | None = None) -> AsyncIterator[AIOKafkaProducer]:
    """A producer that is flushed and stopped at the end of the block."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=transactional_id)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def produce(bootstrap: str, topic: str, values: Sequence[bytes], *, partition: int = 0) -> None:
    """Append these values to one partition, in order, and wait for the acknowledgements."""
    async with producing(bootstrap) as producer:
        sent = [await producer.send(topic, value, partition=partition) for value in values]
        await asyncio.gather(*sent)


async def publish(kafka: KafkaSettings, webhooks: Iterable[object], *, key: SigningKey = KEY) -> int:
    """Publish webhooks as ingest does, signed and with their record keys. Returns their number."""
    topics = Topics(kafka.ledger_topic_prefix)
    async with producing(kafka.kafka_bootstrap_servers) as producer:
        records = [signed_record(topics, encode(webhook), key=key) for webhook in webhooks]
        await asyncio.gather(
            *[await producer.send(item.topic, item.value, key=item.key, headers=list(item.headers)) for item in records]
        )
    return len(records)


def signed_record(topics: Topics, body: bytes, *, key: SigningKey = KEY) -> Record:
    """The record of a body that Telnyx signed, or that `key` did."""
    event = read(body)
    assert isinstance(event, Event)
    stamp = str(int(RECEIVED_AT.timestamp()))
    return event_record(topics, event, Delivery(body, sign(body, stamp, key), stamp, key_id(), ACCOUNT, RECEIVED_AT))
