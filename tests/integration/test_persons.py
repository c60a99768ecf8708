"""person_events: complete however it is filled, and by one session at a time."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import asyncpg
from hypothesis import HealthCheck, given, settings
from structlog.testing import capture_logs

from projections.persons import PAGE_EVENTS, fill, keep_filled, unfilled
from tests import builders
from tests.integration.applying import allow_clearing, apply, clear, closing, expected_delivery, new_projector
from tests.oracle.bodies import Event
from tests.oracle.tables import stored_events
from tests.oracle.values import parties, party
from tests.streams import Webhook, streams
from tests.waiting import eventually

Expected = set[tuple[object, ...]]


def expected(order: Sequence[Webhook]) -> Expected:
    """The rows a second time, from the description of the table alone."""
    stored = stored_events([expected_delivery(webhook) for webhook in order])
    return {
        (person, event.occurred_at, event.key, event.retention_class) for event in stored for person in named(event)
    }


def named(event: Event) -> list[str]:
    if event.type == "message.received":
        sender = party(event.p.get("from"))
        return [*([sender] if sender else []), *parties(event.p.get("cc"))]
    if event.type in ("message.sent", "message.finalized", "message.read", "link_clicked"):
        return parties(event.p.get("to")) + parties(event.p.get("cc"))
    return []


async def table(connection: asyncpg.Connection) -> Expected:
    rows = await connection.fetch(
        "select phone_number, occurred_at, event_key, retention_class from telnyx.person_events"
    )
    return {tuple(row) for row in rows}


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(stream=streams(ten_dlc=2))
async def test_it_names_exactly_the_persons_of_the_events(
    database_url: str, connection: asyncpg.Connection, stream: list[Webhook]
) -> None:
    await allow_clearing(connection)
    await clear(connection)
    await connection.execute("delete from telnyx.person_events; update telnyx.person_events_filled set position = 0")
    half = len(stream) // 2
    async with closing(new_projector(database_url)) as projector:
        await apply(projector, [stream[:half]])
        await fill(connection)
        await apply(projector, [stream[half:]])
    rest = {(*row.values(),) async for row in unfilled(connection, lambda _done, _end: None)}
    both = {tuple(map(str, row)) for row in await table(connection)}
    both |= {(str(phone), str(at), str(key), str(kept)) for phone, at, key, kept in rest}
    assert both == {tuple(map(str, row)) for row in expected(stream)}
    await fill(connection)
    assert await table(connection) == expected(stream)


async def test_it_goes_on_where_it_was_and_only_one_session_fills(
    database_url: str, connection: asyncpg.Connection
) -> None:
    events = [
        Webhook(builders.encode(builders.message_sent(f"m{number}")), "a", builders.NOON)
        for number in range(2 * PAGE_EVENTS + 3)
    ]
    async with closing(new_projector(database_url)) as projector:
        await apply(projector, [events])
    steps: list[tuple[int, int]] = []
    other = await asyncpg.connect(database_url)
    async with other.transaction():
        await other.fetch("select * from telnyx.person_events_filled for update")
        await fill(connection, lambda done, end: steps.append((done, end)))
        assert steps == []
    await other.close()
    await fill(connection, lambda done, end: steps.append((done, end)))
    assert len(steps) == 3
    assert steps[-1][0] == steps[-1][1]
    assert await connection.fetchval("select count(*) from telnyx.person_events") == len(events)


async def test_project_keeps_it_filled(database_url: str, connection: asyncpg.Connection) -> None:
    filling = asyncio.create_task(keep_filled(database_url, every_seconds=0.05))
    async with closing(new_projector(database_url)) as projector:
        for number in range(3):
            late = builders.stop_received(f"in-{number}", at=builders.NOON + timedelta(seconds=number))
            await apply(projector, [[Webhook(builders.encode(late), "a", builders.NOON)]])

            async def rows() -> int:
                found: int = await connection.fetchval("select count(*) from telnyx.person_events")
                return found

            await eventually(rows, number.__lt__)
    filling.cancel()
    await asyncio.gather(filling, return_exceptions=True)


async def test_what_a_login_may_not_do_ends_nothing(database_url: str, connection: asyncpg.Connection) -> None:
    """`project` goes on without the index, and fills it when it may."""
    await connection.execute("alter table telnyx.person_events_filled rename to elsewhere")
    filling = asyncio.create_task(keep_filled(database_url, every_seconds=0.05))
    async with closing(new_projector(database_url)) as projector:
        await apply(projector, [[Webhook(builders.encode(builders.stop_received()), "a", builders.NOON)]])
    with capture_logs() as logs:

        async def told() -> list[str]:
            return [line["event"] for line in logs]

        await eventually(told, lambda seen: "persons_not_filled" in seen)
    await connection.execute("alter table telnyx.elsewhere rename to person_events_filled")

    async def rows() -> int:
        found: int = await connection.fetchval("select count(*) from telnyx.person_events")
        return found

    await eventually(rows, lambda found: found == 1)
    filling.cancel()
    await asyncio.gather(filling, return_exceptions=True)
