"""Only authentic events leave quarantine, each as the record that ingest would have made of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import asyncpg
import pytest

from projections.engine.projector import Projector
from projections.recovery.requeue import RequeuedPage, keys_by_reason, quarantined, requeue
from projections.registry import PROJECTIONS
from schemas.errors import Rejected
from schemas.kafka.record import Record
from schemas.kafka.topics import Topics
from schemas.reading.signing import KeyRing, parse_keys
from tests.support.projections.signed_records import NOW, RING, incoming
from tests.support.webhooks import builders

GOOD = builders.encode(builders.message_sent())
TOPICS = Topics("ours")
ONE = KeyRing(parse_keys([builders.public_key_setting()]))
OTHER = KeyRing(parse_keys([builders.public_key_setting(builders.OTHER_KEY, "other")]))


@dataclass(slots=True)
class Shelf:
    """A sink that keeps its records, or refuses them."""

    records: list[Record] = field(default_factory=list)
    verdict: Rejected | None = None

    async def deliver(self, records: Sequence[Record]) -> Sequence[Rejected | None]:
        self.records += records
        return [self.verdict] * len(records)


async def park(url: str, *bodies: bytes, reason: str | None = None, ring: KeyRing = RING) -> None:
    projector = Projector(url, keys=ring, verify=True, owner="one", projections=PROJECTIONS)
    await projector.apply([incoming(body, reason=reason) for body in bodies])
    await projector.close()


async def parked(connection: asyncpg.Connection) -> list[tuple[str, bool]]:
    return [(row.reason, row.requeued_at is not None) for row in await quarantined(connection)]


async def requeue_all(connection: asyncpg.Connection, keys: Sequence[str], shelf: Shelf) -> RequeuedPage:
    [page] = [page async for page in requeue(connection, keys, topics=TOPICS, sink=shelf)]
    return page


async def test_a_stale_webhook_becomes_the_record_of_ingest(database_url: str, connection: asyncpg.Connection) -> None:
    await park(database_url, GOOD, reason="stale_timestamp")
    shelf = Shelf()
    [key] = await keys_by_reason(connection, "stale_timestamp")
    done = await requeue_all(connection, [key], shelf)
    assert (done.requeued, done.refused) == ([key], {})
    [record] = shelf.records
    assert (record.topic, record.value, record.event_key) == ("ours.messages", GOOD, key)
    headers = dict(record.headers)
    expected = dict(incoming(GOOD).headers)
    assert headers == expected
    assert headers["ledger_received_at"] == NOW.isoformat()[:-6].encode() + b"Z"
    assert await parked(connection) == [("stale_timestamp", True)]
    assert await keys_by_reason(connection, "stale_timestamp") == []


async def test_a_forgery_and_an_unreadable_body_are_refused(database_url: str, connection: asyncpg.Connection) -> None:
    projector = Projector(database_url, keys=RING, verify=True, owner="one", projections=PROJECTIONS)
    await projector.apply([incoming(GOOD, signature=bytes(64)), incoming(b'{"data": 1}')])
    await projector.close()
    shelf = Shelf()
    rows = await quarantined(connection)
    done = await requeue_all(connection, [row.quarantine_key for row in rows], shelf)
    why = {row.reason: done.refused[row.quarantine_key] for row in rows}
    assert why == {
        "forged": "its signature does not verify: Telnyx did not send this",
        "no_data": "its body is still not an event: no_data",
    }
    assert (shelf.records, done.requeued) == ([], [])
    assert {requeued for _, requeued in await parked(connection)} == {False}


async def test_a_webhook_quarantined_for_a_missing_key_is_requeued_once_the_key_is_known(
    database_url: str, connection: asyncpg.Connection
) -> None:
    await park(database_url, GOOD, ring=OTHER)
    assert await parked(connection) == [("forged", False)]
    [key] = await keys_by_reason(connection, "forged")
    done = await requeue_all(connection, [key], Shelf())
    assert done.refused[key].startswith(f"key {builders.key_id()} is not known here")
    await park(database_url)  # a projector with the key stores it
    shelf = Shelf()
    assert (await requeue_all(connection, [key], shelf)).requeued == [key]
    assert dict(shelf.records[0].headers)["ce_source"] == b"telnyx/default"


async def test_a_record_that_is_refused_stays_in_quarantine(database_url: str, connection: asyncpg.Connection) -> None:
    await park(database_url, GOOD, reason="future_timestamp")
    [key] = await keys_by_reason(connection, "future_timestamp")
    done = await requeue_all(connection, [key], Shelf(verdict=Rejected("too_large")))
    assert (done.requeued, done.refused) == ([], {key: "not taken: too_large"})
    assert await parked(connection) == [("future_timestamp", False)]


async def test_an_unknown_quarantine_key_is_refused(connection: asyncpg.Connection) -> None:
    missing = "00000000-0000-0000-0000-000000000000"
    done = await requeue_all(connection, [missing], Shelf())
    assert done.refused == {missing: "there is no such row in quarantine"}


@pytest.mark.parametrize("connected", [True, False])
@pytest.mark.parametrize("known_at_first", [True, False])
async def test_a_new_key_ring_applies_from_the_next_batch_and_old_keys_are_remembered(
    database_url: str, connection: asyncpg.Connection, known_at_first: bool, connected: bool
) -> None:
    projector = Projector(
        database_url, keys=ONE if known_at_first else OTHER, verify=True, owner="one", projections=PROJECTIONS
    )
    if connected:
        await projector.connect()
    projector.replace_keys(OTHER if known_at_first else ONE)
    applied = await projector.apply([incoming(GOOD)])
    assert (applied.stored, applied.quarantined) == (1, {}), "what a removed key signed still verifies"
    remembered = await connection.fetch("select key_id from telnyx.signing_keys order by 1")
    assert [row[0] for row in remembered] == sorted(RING.by_id)
    await projector.close()
