"""The sink of embedded mode: an event that Postgres always refuses does not stop the spool."""

import asyncpg

from deploy.embedded.projector_sink import ProjectorSink
from projections.engine.projector import Projector
from projections.registry import PROJECTIONS
from schemas.kafka.record import Delivery, event_record
from schemas.kafka.topics import Topics
from schemas.reading.event import Event, read
from tests.support.projections.signed_records import NOW, RING
from tests.support.webhooks import builders

REFUSE = """
    create function telnyx.refuse() returns trigger language plpgsql as $$
    begin raise exception 'out of shared memory' using errcode = '53200'; end $$;
    create trigger refusing before insert on telnyx.message_deliveries
      for each row when (new.message_id = 'm-5') execute function telnyx.refuse()
"""


async def test_one_refused_event_becomes_a_dead_letter(database_url: str, connection: asyncpg.Connection) -> None:
    await connection.execute(REFUSE)
    projector = Projector(database_url, keys=RING, verify=False, owner="one", projections=PROJECTIONS)
    records = []
    for number in range(20):
        body = builders.encode(builders.message_sent(f"m-{number}"))
        event = read(body)
        assert isinstance(event, Event)
        delivery = Delivery(body, bytes(64), "1772366400", builders.key_id(), "default", NOW)
        records.append(event_record(Topics(), event, delivery))
    try:
        assert await ProjectorSink(projector).deliver(records) == [None] * 20
    finally:
        await projector.close()
    assert await connection.fetchval("select count(*) from telnyx.message_deliveries") == 19
    letters = await connection.fetch("select projection, sqlstate from telnyx.dead_letters")
    assert [tuple(letter) for letter in letters] == [("deliveries", "53200")]
