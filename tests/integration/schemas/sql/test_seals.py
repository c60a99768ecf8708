"""The table of seals accepts possible seals only, and never changes a row."""

from typing import Any

import asyncpg
import pytest

from tests.support.sql.rows import insert

SEAL = {"seq": 1, "first_position": 1, "last_position": 3, "events": 2, "root": bytes(32), "chain": bytes(32)}


@pytest.mark.parametrize(
    "change",
    ["update telnyx.event_seals set events = 1", "delete from telnyx.event_seals", "truncate telnyx.event_seals"],
)
@pytest.mark.parametrize("role", ["origin", "replica"])
async def test_even_a_superuser_cannot_change_a_seal(connection: asyncpg.Connection, change: str, role: str) -> None:
    await insert(connection, "telnyx.event_seals", SEAL)
    await connection.execute(f"set session_replication_role = {role}")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="seals are append-only evidence"):
        await connection.execute(change)
    assert await connection.fetchval("select events from telnyx.event_seals") == 2


@pytest.mark.parametrize(
    ("given", "constraint"),
    [
        ({"seq": 0}, "event_seals_from_one"),
        ({"first_position": 0}, "event_seals_range"),
        ({"last_position": 0}, "event_seals_events"),
        ({"events": 0}, "event_seals_events"),
        ({"events": 4}, "event_seals_events"),
        ({"root": bytes(31)}, "event_seals_hashes"),
        ({"chain": bytes(33)}, "event_seals_hashes"),
    ],
)
async def test_an_impossible_seal_is_refused(
    connection: asyncpg.Connection, given: dict[str, Any], constraint: str
) -> None:
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await insert(connection, "telnyx.event_seals", SEAL | given)
    assert refused.value.constraint_name == constraint
