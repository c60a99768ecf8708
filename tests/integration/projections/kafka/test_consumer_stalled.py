"""A member that never gets to read is replaced by a new client, whatever the old one believes of itself."""

import asyncpg
import pytest

from projections.kafka import membership
from projections.kafka.offset_claims import OffsetClaims
from schemas.kafka.topics import Topics
from schemas.settings import KafkaSettings
from tests.support.environment.waiting import eventually
from tests.support.projections.kafka_records import member, produce, project_settings
from tests.support.projections.offset_log import keep_journal, position


async def test_one_that_places_nothing_for_long_joins_anew_and_reads(
    database_url: str, kafka_settings: KafkaSettings, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keep_journal(connection)
    place_due, clients = OffsetClaims.place_due, []

    async def wedged_in_the_first(self: OffsetClaims) -> None:
        if self.consumer not in clients:
            clients.append(self.consumer)
        if len(clients) > 1:
            await place_due(self)

    monkeypatch.setattr(OffsetClaims, "place_due", wedged_in_the_first)
    monkeypatch.setattr(membership, "STALLED_SECONDS", 1.0)
    topic = Topics(kafka_settings.ledger_topic_prefix).other
    await produce(kafka_settings.kafka_bootstrap_servers, topic, [b"{}"] * 5)
    async with member(project_settings(kafka_settings, database_url)):
        await eventually(lambda: position(connection, topic, 0), lambda offset: offset == 5, timeout_seconds=60)
    assert len(clients) >= 2
