"""A new client replaces one that can never read."""

import asyncpg
import pytest

from projections.kafka import membership
from projections.kafka.offset_claims import OffsetClaims
from schemas.kafka.topics import Topics
from schemas.settings import KafkaSettings
from tests.support.environment.waiting import eventually
from tests.support.projections.kafka_records import member, produce, project_settings
from tests.support.projections.offset_log import install_offset_log, stored_offset


async def test_a_client_that_places_no_partition_is_replaced(
    database_url: str, kafka_settings: KafkaSettings, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await install_offset_log(connection)
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
        await eventually(lambda: stored_offset(connection, topic, 0), lambda offset: offset == 5, timeout_seconds=60)
    assert len(clients) >= 2
