"""A batch that Postgres refuses, for want of memory, locks or time, is applied in halves. One event stops no other."""

import asyncpg

from projections.kafka.batches import BATCH_RECORDS, BatchSize
from schemas.settings import KafkaSettings
from tests.support.environment.waiting import eventually
from tests.support.projections.kafka_records import member, project_settings, publish
from tests.support.projections.projector_group import projector
from tests.support.webhooks.builders import message_sent, stop_received

PEOPLE = [f"+1312555{number:04}" for number in range(60)]
STORED = "select count(*) from telnyx.events"
# As the server does where its table of locks is full.
REFUSE = """
    create function telnyx.refuse() returns trigger language plpgsql security definer as $$
    begin
      if {condition} then raise exception 'out of shared memory' using errcode = '53200'; end if;
      return null;
    end $$;
    create trigger refusing after insert on telnyx.message_deliveries
      referencing new table as added for each statement execute function telnyx.refuse()
"""


async def test_one_event_that_postgres_always_refuses_becomes_a_dead_letter(
    kafka_settings: KafkaSettings, database_url: str, connection: asyncpg.Connection
) -> None:
    await connection.execute(REFUSE.format(condition="exists (select from added where message_id = 'm-30')"))
    settings = project_settings(kafka_settings, database_url)
    async with member(settings, projector(settings, "")):
        messages = [message_sent(f"m-{number}", person) for number, person in enumerate(PEOPLE)]
        events = await publish(settings, [*messages, *(stop_received(f"s-{person}", person) for person in PEOPLE)])
        await eventually(lambda: connection.fetchval(STORED), lambda seen: seen == events, timeout_seconds=60)
    assert await connection.fetchval("select count(*) from telnyx.opt_outs where opted_out") == len(PEOPLE)
    assert await connection.fetchval("select count(*) from telnyx.message_deliveries") == len(PEOPLE) - 1
    letters = await connection.fetch("select projection, error_class, sqlstate from telnyx.dead_letters")
    assert [tuple(letter) for letter in letters] == [("deliveries", "OutOfMemoryError", "53200")]
    assert await connection.fetchval("select count(*) from telnyx.projection_state where status <> 'live'") == 0


async def test_a_batch_that_is_too_large_for_postgres_is_applied_in_parts(
    kafka_settings: KafkaSettings, database_url: str, connection: asyncpg.Connection
) -> None:
    await connection.execute(REFUSE.format(condition="(select count(*) from added) > 4"))
    settings = project_settings(kafka_settings, database_url)
    async with member(settings, projector(settings, "")):
        events = await publish(settings, [message_sent(f"m-{number}") for number in range(60)])
        await eventually(lambda: connection.fetchval(STORED), lambda seen: seen == events, timeout_seconds=60)
    assert await connection.fetchval("select count(*) from telnyx.message_deliveries") == 60
    assert await connection.fetchval("select count(*) from telnyx.dead_letters") == 0


def test_batches_shrink_after_a_refusal_and_grow_after_each_success() -> None:
    size = BatchSize()
    size.refused(40)
    size.refused(20)
    assert size.records == 10
    size.refused(1)
    assert size.records == 1
    for _ in range(20):
        size.succeeded()
    assert size.records == BATCH_RECORDS
