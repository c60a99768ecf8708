"""The projector's transaction on a real Postgres: atomic, fenced, idempotent, and independent of headers."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from projections.engine.batch import Incoming
from projections.engine.projector import Applied, Fenced, Projector
from projections.registry import PROJECTIONS
from schemas.errors import Unavailable
from schemas.reading.signing import KeyRing, parse_keys
from tests.support.environment.waiting import eventually
from tests.support.projections.signed_records import NOW, RING, bodies, incoming
from tests.support.projections.stored_offsets import advance, claim, offsets
from tests.support.webhooks import builders


@pytest.fixture
async def projector(database_url: str) -> AsyncIterator[Projector]:
    opened = Projector(database_url, keys=RING, verify=True, owner="one", projections=PROJECTIONS)
    yield opened
    await opened.close()


async def count(connection: asyncpg.Connection, tables: Iterable[str]) -> list[int]:
    return [await connection.fetchval(f"select count(*) from telnyx.{table}") for table in tables]


async def test_a_repeated_batch_changes_nothing(projector: Projector, connection: asyncpg.Connection) -> None:
    batch = bodies(builders.message_finalized(), builders.message_sent(), builders.stop_received())
    assert await projector.apply(batch) == Applied(3, 0)
    before = await connection.fetch("select * from telnyx.events")
    assert await projector.apply([*batch, *batch]) == Applied(0, 6)
    assert await connection.fetch("select * from telnyx.events") == before
    assert await count(connection, ["message_deliveries", "opt_outs", "message_contents"]) == [1, 1, 1]


async def test_new_events_are_copied_and_a_known_event_loses_nothing(
    projector: Projector, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied: list[str] = []
    copy = asyncpg.Connection.copy_records_to_table

    async def spied(self: asyncpg.Connection, name: str, **given: Any) -> str:
        copied.append(name)
        return str(await copy(self, name, **given))

    async def applied(start: int) -> tuple[Applied, list[str]]:
        copied.clear()
        batch = [
            builders.message_sent(f"out-{number}", f"+131255501{number:02}") for number in range(start, start + 30)
        ]
        return await projector.apply(bodies(*batch)), [*copied]

    monkeypatch.setattr(asyncpg.Connection, "copy_records_to_table", spied)
    assert await applied(0) == (Applied(30, 0), ["person_events", "events"])
    assert await applied(25) == (Applied(25, 5), ["person_events"])  # COPY was refused, then nothing was copied
    assert await applied(55) == (Applied(30, 0), [])  # the batch before was not all new
    assert await applied(85) == (Applied(30, 0), ["person_events", "events"])
    assert await count(connection, ["events", "person_events", "message_deliveries"]) == [115, 115, 115]


async def test_copied_rows_equal_merged_rows(projector: Projector, connection: asyncpg.Connection) -> None:
    """Every table whose rows never change, written by COPY and, in batches too small for it, by a merge."""
    tables = ("person_events", "opt_out_events", "spend_limit_events", "link_clicks")
    batch = bodies(
        *[builders.stop_received(f"in-{number}", f"+131255501{number:02}") for number in range(20)],
        *[builders.spend_limit_reached(f"profile-{number}", current_cost="0.50") for number in range(20)],
        *[builders.link_clicked(f"msg-{number}") for number in range(20)],
    )

    async def rows() -> list[list[asyncpg.Record]]:
        return [await connection.fetch(f"select * from telnyx.{table} order by event_key") for table in tables]

    await projector.apply(batch)
    copied = await rows()
    assert [len(found) for found in copied] == [40, 20, 20, 20]
    for table in tables:
        await connection.execute(f"truncate telnyx.{table}")
    for start in range(0, len(batch), 10):
        await projector.apply(batch[start : start + 10])
    assert await rows() == copied


async def test_the_stored_body_is_the_signed_body(projector: Projector, connection: asyncpg.Connection) -> None:
    body = builders.encode(builders.message_received(text="Gr\u00fc\u00dfe \u0000 \U0001f600"))
    await projector.apply([incoming(body)])
    row = await connection.fetchrow("select body, signature, signed_timestamp, key_id, account from telnyx.events")
    assert row is not None
    assert tuple(row) == (body, builders.sign(body, 1772366400), "1772366400", builders.key_id(), "default")


async def test_a_forged_record_is_parked_and_makes_no_row(projector: Projector, connection: asyncpg.Connection) -> None:
    body = builders.encode(builders.stop_received())
    forged = incoming(body, signature=builders.sign(body, 1772366400, builders.OTHER_KEY))
    unknown = Incoming(forged.value + b" ", [h for h in forged.headers if h[0] != "ledger_key_id"], NOW)
    bare = Incoming(b'{"data":{}}', [], NOW)
    assert await projector.apply([forged, unknown, bare]) == Applied(0, 0, {"forged": 3})
    assert await count(connection, ["events", "opt_out_events", "quarantined_webhooks"]) == [0, 0, 2]
    reasons = await connection.fetch("select distinct reason, account from telnyx.quarantined_webhooks")
    assert [tuple(row) for row in reasons] == [("forged", None)]


async def test_type_time_and_key_come_from_the_body(projector: Projector, connection: asyncpg.Connection) -> None:
    [real] = bodies(builders.message_received())
    lies = {"ce_type": b"message.sent", "ce_time": b"1999-01-01T00:00:00Z", "ce_id": b"x", "ce_source": b"telnyx/other"}
    headers = [(name, lies.get(name, content)) for name, content in real.headers]
    await projector.apply([Incoming(real.value, headers, NOW)])
    row = await connection.fetchrow("select event_type, occurred_at, account from telnyx.events")
    assert row is not None
    assert tuple(row) == ("message.received", builders.NOON, "default")


async def test_a_key_that_left_the_ring_still_verifies(database_url: str, projector: Projector) -> None:
    await projector.apply(bodies(builders.message_sent()))
    rotated = Projector(
        database_url,
        keys=KeyRing(parse_keys([builders.public_key_setting(builders.OTHER_KEY)])),
        verify=True,
        owner="two",
        projections=PROJECTIONS,
    )
    assert await rotated.apply(bodies(builders.message_finalized())) == Applied(1, 0)
    await rotated.close()


@pytest.mark.parametrize("reason", ["stale_timestamp", "future_timestamp"])
async def test_a_delivery_outside_the_time_window_is_parked_and_may_come_again(
    projector: Projector, connection: asyncpg.Connection, reason: str
) -> None:
    body = builders.encode(builders.message_sent())
    assert await projector.apply([incoming(body, reason=reason)]) == Applied(0, 0, {reason: 1})
    assert await projector.apply([incoming(body)]) == Applied(1, 0)
    assert await count(connection, ["events", "quarantined_webhooks"]) == [1, 1]


async def test_every_table_uses_the_first_stored_account(projector: Projector, connection: asyncpg.Connection) -> None:
    body = builders.encode(builders.message_finalized())
    await projector.apply([incoming(body)])
    assert await projector.apply([incoming(body, account="other")]) == Applied(0, 1)
    accounts = await connection.fetch(
        "select account from telnyx.events union all select account from telnyx.message_deliveries"
    )
    assert [row["account"] for row in accounts] == ["default", "default"]


async def test_offsets_move_with_the_rows_or_not_at_all(projector: Projector, connection: asyncpg.Connection) -> None:
    await claim(connection, 0, 1)
    await projector.apply(bodies(builders.message_sent("a")), [advance(0, 0, 1), advance(1, 0, 5)])
    assert await offsets(connection) == [(0, 1), (1, 5)]
    with pytest.raises(Fenced) as caught:
        await projector.apply(bodies(builders.message_sent("b")), [advance(0, 1, 2), advance(1, 0, 6)])
    assert caught.value.lost == [("telnyx.messages", 1)]
    assert await offsets(connection) == [(0, 1), (1, 5)]
    assert await count(connection, ["events", "message_deliveries"]) == [1, 1]
    assert await projector.apply(bodies(builders.message_sent("b")), [advance(0, 1, 2)]) == Applied(1, 0)
    assert await offsets(connection) == [(0, 2), (1, 5)]


async def test_an_outage_is_unavailable_and_the_next_batch_connects_again(
    projector: Projector, connection: asyncpg.Connection
) -> None:
    await projector.apply(bodies(builders.message_sent("a")))
    async with connection.transaction():
        await connection.execute("lock table telnyx.message_deliveries in access exclusive mode")
        batch = asyncio.create_task(projector.apply(bodies(builders.message_sent("b"))))
        waiting = "select pid from pg_locks where not granted and relation = 'telnyx.message_deliveries'::regclass"
        pid = await eventually(lambda: connection.fetchval(waiting), lambda found: found is not None)
        await connection.execute("select pg_terminate_backend($1)", pid)
        with pytest.raises(Unavailable):
            await batch
    assert await projector.apply(bodies(builders.message_sent("b"))) == Applied(1, 0)


async def test_a_month_is_created_when_it_is_first_needed(projector: Projector, connection: asyncpg.Connection) -> None:
    years = (1970, 2014, 2015, 2031, 2049, 2050, 2199)
    webhooks = [
        builders.message_sent(f"m{year}", at=datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC)) for year in years[:-1]
    ]
    assert await projector.apply(bodies(*webhooks)) == Applied(len(webhooks), 0)
    assert await count(connection, ["events"]) == [len(webhooks)]


def malformed_values() -> Sequence[bytes]:
    """Values that are legal JSON and that some layer below cannot hold."""
    deep_inside = b"[" * 250 + b"]" * 250
    wrap = b'{"data":{"event_type":"%b","id":%b,"occurred_at":"%b","payload":{"id":"%b",%b}}}'
    when = b"2026-03-01T12:00:00Z"
    fields = [
        b'"text":"a\\u0000b","media":[{"a\\u0000":"\\u0000"}]',
        b'"media":' + deep_inside,
        b'"parts":2147483648,"cost":{"amount":"NaN"}',
        b'"parts":-1,"cost":1e308,"tags":[1e-20000,"\\u0000",null,"x"]',
        b'"cost":{"amount":1e-20000,"currency":["USD"]},"to":{"phone_number":{"a":1}},"cc":"x"',
        b'"received_at":"0001-01-01T00:00:00Z","sent_at":"9999-12-31T23:59:59Z","to":[[],7,true,null,""]',
        b'"to":[{"phone_number":"%b","status":["x"]}],"errors":{"code":40300,"title":"\\u0000"}' % (b"9" * 300),
        b'"from":[{"phone_number":1}],"messaging_profile_id":18446744073709551616,"tags":"%b"' % (b"\\" * 6),
        b'"to":"13125550001","from":13125550002,"type":["SMS"],"encoding":7,"errors":["x\\u0000",7,{"code":true}]',
    ]
    found = [
        wrap % (kind, b"%d" % number, when, b"h%d" % number, field)
        for number, field in enumerate(fields)
        for kind in (b"message.sent", b"message.finalized", b"message.received")
    ]
    found += [b'{"data":' + b"[" * 254 + b"]" * 254 + b"}", b'{"data":{"a":' + b"[" * 254 + b"]" * 254 + b"}}"]
    found += [b'{"data":' + b"[" * 2000, b'{"data":{"a":1e400}}', b'{"data":{"a":"\\udfff"}}', b"\x00", b""]
    long = (b"message.sent", b'"%b"' % (b"i" * 300), when, b"y" * 300, b'"a":1')
    return [*found, wrap % long, wrap % (b"\\u0000" * 9, b"true", when, b"z", b'"a":1')]


async def test_malformed_values_harm_no_neighbour_or_batch(
    projector: Projector, connection: asyncpg.Connection
) -> None:
    values = malformed_values()
    healthy = [builders.message_finalized(f"healthy-{number}") for number in range(len(values))]
    batch = [item for pair in zip(values, healthy, strict=True) for item in pair]
    applied = await projector.apply(
        [incoming(item if isinstance(item, bytes) else builders.encode(item)) for item in batch]
    )
    assert sum(applied.quarantined.values()) == 7
    assert applied.stored == len(batch) - 7
    deliveries = (
        "select count(*) from telnyx.message_deliveries where message_id like 'healthy-%' and status = 'delivered'"
    )
    assert await connection.fetchval(deliveries) == len(healthy)
    assert await connection.fetchval("select count(*) from telnyx.event_payloads") == applied.stored
    media = await connection.fetchval("select media::text from telnyx.message_contents where message_id = 'h0'")
    assert media == '[{"a\ufffd": "\ufffd"}]'
