"""The look-up in a real event store, and ingest while Postgres is slow, frozen or unreachable."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from urllib.parse import urlsplit

import asyncpg
import pytest

from ingest.admission.dedupe import LookupKey
from ingest.admission.stored_keys import QUERY, SESSION, StoredKeys, document
from ingest.metrics import IngestMetrics
from schemas.errors import Unavailable
from tests.support.environment.tcp_proxy import proxied
from tests.support.environment.waiting import until
from tests.support.ingest.ingest_server import RunningIngest, running
from tests.support.sql.rows import NOON, insert_event
from tests.support.webhooks.builders import encode, message_sent


@asynccontextmanager
async def started(url: str, metrics: IngestMetrics | None = None) -> AsyncIterator[StoredKeys]:
    store = StoredKeys(url, metrics or IngestMetrics())
    await store.start()
    try:
        yield store
    finally:
        await store.close()


async def is_available(store: StoredKeys) -> None:
    await until(lambda: store.available, bool)


async def test_stored_events_are_found_by_their_whole_key(database_url: str, connection: asyncpg.Connection) -> None:
    stored = await insert_event(connection)
    key, at = str(stored["event_key"]), stored["occurred_at"]
    received = await insert_event(connection, retention_class="consent", event_type="message.received")
    other = str(uuid.uuid4())
    async with started(database_url) as store:
        await is_available(store)
        assert await store.which_are_stored([LookupKey("traffic", at, key)]) == {key}
        assert await store.which_are_stored(
            [LookupKey("traffic", at, other), LookupKey("consent", at, str(received["event_key"]))]
        ) == {str(received["event_key"])}
        assert (
            await store.which_are_stored(
                [LookupKey("consent", at, key), LookupKey("traffic", at + timedelta(days=4000), key)]
            )
            == set()
        )
        assert await store.which_are_stored(
            [LookupKey("traffic", at, other)] * 3 + [LookupKey("traffic", at, key)] * 3
        ) == {key}


async def test_the_ingest_role_may_look_up(database_url: str, connection: asyncpg.Connection) -> None:
    login = f"ingest_{uuid.uuid4().hex[:8]}"
    await connection.execute(f"create role {login} login password 'secret' in role telnyx_ingest")
    stored = await insert_event(connection)
    parts = urlsplit(database_url)
    url = parts._replace(netloc=f"{login}:secret@{parts.hostname}:{parts.port}").geturl()
    try:
        async with started(url) as store:
            await is_available(store)
            wanted = LookupKey("traffic", stored["occurred_at"], str(stored["event_key"]))
            assert await store.which_are_stored([wanted]) == {str(stored["event_key"])}
    finally:
        await connection.execute(f"drop role {login}")


async def test_the_look_up_reads_one_partition_by_its_primary_key(connection: asyncpg.Connection) -> None:
    """EXPLAIN guard: with many months and rows, each event costs one index probe in one partition."""
    months = [NOON - timedelta(days=31 * n) for n in range(12)]
    for month in months:
        await insert_event(connection, occurred_at=month)
    await connection.execute(
        """
        insert into telnyx.events (event_key, account, event_type, retention_class, occurred_at, received_at, body,
                                   signature, signed_timestamp, key_id)
        select gen_random_uuid(), 'default', 't', 'traffic', $1::timestamptz + n * interval '1 second', now(), '', '',
               '', ''
        from generate_series(1, 5000) n
        """,
        NOON,
    )
    await connection.execute("analyze telnyx.events")
    for name, value in SESSION.items():
        await connection.execute(f"set {name} = '{value}'")
    await connection.execute(f"prepare look_up as {QUERY.read_text()}")
    asked = document([LookupKey("traffic", at, str(uuid.uuid4())) for at in (NOON, months[3])])
    lines = await connection.fetch(f"explain (analyze, costs off, timing off) execute look_up('{asked}')")
    plan = [line[0] for line in lines]
    scans = [line for line in plan if " on events_" in line]
    executed = [line for line in scans if "never executed" not in line]
    assert not [line for line in scans if "Seq Scan" in line], "\n".join(plan)
    assert len(executed) == 2, "\n".join(plan)
    assert all("Index Only Scan" in line and "loops=1)" in line for line in executed), "\n".join(plan)


async def test_ingest_starts_and_accepts_without_postgres(database_url: str) -> None:
    async with proxied(database_url) as (proxy, url):
        await proxy.cut()
        async with started(url) as store, running(event_store=store) as ingest:
            await accepted_within(ingest, 1, 0.3)
            await proxy.open()
            await is_available(store)


@pytest.mark.parametrize("fault", ["stopped", "frozen"])
async def test_a_fault_of_postgres_costs_one_budget(database_url: str, fault: str) -> None:
    metrics = IngestMetrics()
    async with (
        proxied(database_url) as (proxy, url),
        started(url, metrics) as store,
        running(event_store=store, metrics=metrics) as ingest,
    ):
        await is_available(store)
        await accepted_within(ingest, 1, 0.3)
        if fault == "stopped":
            await proxy.cut()
        else:
            proxy.freeze()
        await accepted_within(ingest, 2, 0.3)
        async with asyncio.timeout(0.1):
            for number in range(3, 6):
                assert (await ingest.post(encode(message_sent(f"m-{number}")))).json["status"] == "accepted"
        away = metrics.registry.get_sample_value("ledger_store_look_ups_total", {"result": "away"})
        assert away == 4
        assert metrics.registry.get_sample_value("ledger_store_away") == 1
        if fault == "stopped":
            await proxy.open()
        proxy.thaw()
        await is_available(store)
        await accepted_within(ingest, 7, 0.3)
        assert metrics.registry.get_sample_value("ledger_store_away") == 0


async def accepted_within(ingest: RunningIngest, number: int, seconds: float) -> None:
    async with asyncio.timeout(seconds):
        reply = await ingest.post(encode(message_sent(f"m-{number}")))
    assert reply.json["status"] == "accepted"


async def test_without_the_schema_ingest_goes_on_without_look_ups(empty_database_url: str) -> None:
    async with started(empty_database_url) as store, running(event_store=store) as ingest:
        await accepted_within(ingest, 1, 0.3)
        assert not store.available


async def test_a_look_up_without_connection_is_unavailable_at_once() -> None:
    with pytest.raises(Unavailable):
        await StoredKeys("postgresql://nobody@127.0.0.1:9/none", IngestMetrics()).which_are_stored(
            [LookupKey("traffic", NOON, "k")]
        )


async def test_a_connection_that_asyncpg_lost_is_replaced(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen under faults: events behind such a look-up were never answered."""

    async def lost(*_: object) -> None:
        raise asyncpg.InternalClientError

    async with started(database_url) as store, running(event_store=store) as ingest:
        await is_available(store)
        with monkeypatch.context() as broken:
            broken.setattr("asyncpg.prepared_stmt.PreparedStatement.fetch", lost)
            await accepted_within(ingest, 1, 2)
            assert not store.available
        await is_available(store)
