"""What the tests of the consumer share: a projector that keeps a journal only, members of a group, and records to read.

A trigger on `projection_offsets` writes each interval of offsets that was applied, with the owner that applied it, in
the same transaction. Intervals that tile a log from its start, without gap or overlap, prove that every record was
applied once.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncpg
from aiokafka import AIOKafkaProducer

from projections.consumer import owner_name, run
from projections.database import connect, outages
from projections.metrics import ProjectorMetrics
from projections.positions import Advance, advance_offsets
from projections.projector import Applied, Fenced, Incoming
from projections.settings import ProjectSettings
from schemas.settings import KafkaSettings
from tests.builders import public_key_setting

JOURNAL = """
create table if not exists public.applied (
  seq bigserial primary key, topic text, partition int, from_offset bigint, to_offset bigint, owner text);
create or replace function public.note_applied() returns trigger language plpgsql as $$
begin
  if new.next_offset <> old.next_offset then
    insert into public.applied (topic, partition, from_offset, to_offset, owner)
    values (new.topic, new.partition, old.next_offset, new.next_offset, new.owner);
  end if;
  return new;
end $$;
create or replace trigger note_applied after update on telnyx.projection_offsets
  for each row execute function public.note_applied();
"""


class Journalist:
    """Applies batches by moving the offsets and nothing else; `seen` holds the values that it committed."""

    def __init__(self, database_url: str, owner: str) -> None:
        self._database_url = database_url
        self._owner = owner
        self._connection: asyncpg.Connection | None = None
        self.seen: list[bytes] = []

    async def apply(self, batch: Sequence[Incoming], advances: Sequence[Advance] = ()) -> Applied:
        """As the port promises."""
        try:
            if self._connection is None:
                self._connection = await connect(self._database_url)
            with outages():
                await self._commit(self._connection, advances)
        except Fenced:
            raise
        except BaseException:
            self.close()
            raise
        self.seen += [item.value for item in batch]
        return Applied(len(batch), 0)

    async def _commit(self, connection: asyncpg.Connection, advances: Sequence[Advance]) -> None:
        async with connection.transaction():
            if lost := await advance_offsets(connection, advances, self._owner):
                raise Fenced(lost)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


class Member:
    """A projector of the group, in this process."""

    def __init__(self, settings: ProjectSettings, projector: Journalist | None = None) -> None:
        self.owner = owner_name()
        self.metrics = ProjectorMetrics()
        self.projector = projector or Journalist(settings.database_url, self.owner)
        self.projector._owner = self.owner
        self._stop = asyncio.Event()
        self.running = asyncio.create_task(
            run(settings, self.projector, owner=self.owner, metrics=self.metrics, stop=self._stop)
        )

    async def leave(self) -> None:
        """Stop it as SIGTERM does; raises what it ended with."""
        self._stop.set()
        try:
            await self.running
        finally:
            self.projector.close()

    def gauge(self, name: str, **labels: str) -> float | None:
        """The value of one of its metrics."""
        return self.metrics.registry.get_sample_value(name, labels)


@asynccontextmanager
async def member(settings: ProjectSettings, projector: Journalist | None = None) -> AsyncIterator[Member]:
    """A member that has left when the block ends."""
    one = Member(settings, projector)
    try:
        yield one
    finally:
        await one.leave()


def project_settings(kafka: KafkaSettings, database_url: str) -> ProjectSettings:
    """Settings for these topics; a group of the same name as their prefix, which no other test has."""
    return ProjectSettings.model_validate(
        {
            **kafka.model_dump(),
            "database_url": database_url,
            "telnyx_public_keys": public_key_setting(),
            "ledger_consumer_group": kafka.ledger_topic_prefix,
        }
    )


async def keep_journal(connection: asyncpg.Connection) -> None:
    """Make the table and the trigger of the journal."""
    await connection.execute(JOURNAL)


@asynccontextmanager
async def producing(bootstrap: str, *, transactional_id: str | None = None) -> AsyncIterator[AIOKafkaProducer]:
    """A producer, flushed and stopped at the end."""
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


async def applied(connection: asyncpg.Connection, topic: str, partition: int = 0) -> list[tuple[int, int]]:
    """The intervals of one partition, in the order in which they were committed."""
    rows = await connection.fetch(
        "select from_offset, to_offset from applied where topic = $1 and partition = $2 order by seq", topic, partition
    )
    return [(row["from_offset"], row["to_offset"]) for row in rows]


async def position(connection: asyncpg.Connection, topic: str, partition: int = 0) -> int | None:
    """The stored next offset."""
    found: int | None = await connection.fetchval(
        "select next_offset from telnyx.projection_offsets where topic = $1 and partition = $2", topic, partition
    )
    return found


def tile(intervals: Sequence[tuple[int, int]], end: int, *, start: int = 0) -> bool:
    """Whether intervals follow each other from `start` to `end` without gap or overlap."""
    reached = start
    for begin, until in intervals:
        if begin != reached or until <= begin:
            return False
        reached = until
    return reached == end
