"""The views of consent, clause by clause: sends after a STOP, and blocks by Telnyx and carriers."""

import uuid
from datetime import timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from tests.support.sql.rows import (
    HOUR,
    LONG_CODE,
    MINUTE,
    NOON,
    PERSON,
    SECOND,
    TOLL_FREE,
    fetch_tuples,
    insert,
    insert_delivery,
    insert_opt_out_event,
)

SENDS: dict[str, tuple[dict[str, Any], dict[str, Any], bool]] = {
    "a microsecond after a STOP": ({"occurred_at": NOON - timedelta(microseconds=1)}, {}, True),
    "at the moment of a STOP": ({"occurred_at": NOON}, {}, False),
    "before a STOP": ({"occurred_at": NOON + SECOND}, {}, False),
    "never sent": ({}, {"sent_at": None}, False),
    "refused because of the STOP": ({}, {"error_codes": ["1", "40300"]}, False),
    "failed for another reason": ({}, {"error_codes": ["40008"], "status": "delivery_failed"}, True),
    "to another person": ({}, {"recipient": "+13125550002"}, False),
    "of another profile": ({}, {"messaging_profile_id": "other"}, False),
    "after an opt-out without profile": ({"messaging_profile_id": ""}, {}, True),
    "after one of another account": ({"messaging_profile_id": "", "account": "b"}, {}, False),
    "of no profile, after one without": ({"messaging_profile_id": ""}, {"messaging_profile_id": None}, True),
    "of no profile, after one of a profile": ({}, {"messaging_profile_id": None}, False),
    "of a profile that two accounts name": ({"account": "b"}, {}, True),
    "after HELP": ({"action": "help"}, {}, False),
}


@pytest.mark.parametrize("name", SENDS)
async def test_a_send_after_an_opt_out_is_a_violation(connection: asyncpg.Connection, name: str) -> None:
    said, sent, is_violation = SENDS[name]
    await insert_opt_out_event(connection, **{"account": "a", "occurred_at": NOON - HOUR, **said})
    await insert_delivery(connection, "m", **sent)
    assert len(await fetch_tuples(connection, "select message_id from telnyx.opt_out_violations")) == is_violation


async def test_a_violation_names_the_deciding_event(connection: asyncpg.Connection) -> None:
    """After a STOP, a START, a REVOKE, its repetition and one without profile, the REVOKE decides."""
    said: dict[int, dict[str, Any]] = {
        -60: {},
        -50: {"action": "opt_in"},
        -40: {"basis": "keyword", "received_at": NOON + HOUR},
        -30: {},
        -55: {"messaging_profile_id": ""},
    }
    for minutes, values in said.items():
        event = await insert_opt_out_event(
            connection, **{"account": "a", "occurred_at": NOON + minutes * MINUTE, **values}
        )
        if minutes == -40:
            decided = event["event_key"]
    await insert_delivery(connection, "m")
    opted_out_at = NOON - 40 * MINUTE
    assert await fetch_tuples(connection, "select * from telnyx.opt_out_violations") == [
        *(
            (
                "m", PERSON, "a", "profile", "delivered", NOON, opted_out_at, "keyword", decided, Decimal(2400), False,
                False,
            ),
        ),
    ]  # fmt: skip


async def test_after_a_start_nothing_is_a_violation(connection: asyncpg.Connection) -> None:
    await insert_opt_out_event(connection, occurred_at=NOON - HOUR)
    await insert_opt_out_event(connection, occurred_at=NOON - MINUTE, action="opt_in")
    await insert_delivery(connection, "m")
    assert await fetch_tuples(connection, "select * from telnyx.opt_out_violations") == []


async def test_an_opt_out_is_known_once_its_event_is_received(connection: asyncpg.Connection) -> None:
    for profile, received_at in {"early": NOON - SECOND, "at once": NOON, "late": NOON + SECOND}.items():
        values = {"messaging_profile_id": profile, "occurred_at": NOON - HOUR}
        await insert_opt_out_event(connection, **values, received_at=received_at)
        await insert_delivery(connection, profile, messaging_profile_id=profile)
    rows = await fetch_tuples(connection, "select message_id, known_before_send from telnyx.opt_out_violations")
    assert dict(rows) == {"early": True, "at once": False, "late": False}


CONFIRMATIONS = [
    (5 * MINUTE, "autoresponse", LONG_CODE, True),
    (5 * MINUTE, "keyword", LONG_CODE, True),
    (5 * MINUTE + timedelta(microseconds=1), "autoresponse", LONG_CODE, False),
    (SECOND, "autoresponse", TOLL_FREE, False),
    (SECOND, "autoresponse", None, False),
    (SECOND, "blocked_send", LONG_CODE, False),
]


@pytest.mark.parametrize(("after", "basis", "via_number", "is_confirmation"), CONFIRMATIONS)
async def test_one_confirmation_is_allowed(
    connection: asyncpg.Connection, after: timedelta, basis: str, via_number: str | None, is_confirmation: bool
) -> None:
    await insert_opt_out_event(connection, occurred_at=NOON - after, basis=basis, via_number=via_number)
    await insert_delivery(connection, "m")
    assert await fetch_tuples(connection, "select is_confirmation from telnyx.opt_out_violations") == [
        (is_confirmation,)
    ]


async def opted_out(connection: asyncpg.Connection, profile: str, minutes: int, **values: Any) -> None:
    row = {
        "messaging_profile_id": profile, "phone_number": PERSON, "account": "a", "opted_out": True,
        "changed_at": NOON + minutes * MINUTE, "basis": "keyword", "telnyx_blocked": False,
        "last_event_key": uuid.uuid4(), **values,
    }  # fmt: skip
    await insert(connection, "telnyx.opt_outs", row)


async def test_opt_outs_of_any_profile_are_one_row_per_person(connection: asyncpg.Connection) -> None:
    await opted_out(connection, "z", 1)
    await opted_out(connection, "", 2)
    await opted_out(connection, "in", 3, opted_out=False)
    await opted_out(connection, "other", 4, account="b", opted_out=False)
    rows = await fetch_tuples(connection, "select * from telnyx.opt_outs_any_profile")
    assert rows == [("a", PERSON, ["", "z"], NOON + MINUTE, NOON + 2 * MINUTE)]


async def test_uncovered_revocations_are_those_that_telnyx_does_not_block(connection: asyncpg.Connection) -> None:
    await opted_out(connection, "uncovered", 0)
    await opted_out(connection, "blocked", 0, telnyx_blocked=True)
    await opted_out(connection, "in", 0, opted_out=False)
    rows = await connection.fetch("select * from telnyx.uncovered_revocations")
    assert [dict(row) for row in rows] == [
        dict(row)
        for row in await connection.fetch("select * from telnyx.opt_outs where messaging_profile_id = 'uncovered'")
    ]


# Messages one minute apart, and the expected (blocked, minute of the change) for the toll-free number.
BLOCKS: dict[str, tuple[list[dict[str, Any]], tuple[bool, int] | None]] = {
    "a STOP": ([{}], (True, 0)),
    "a STOP repeated": ([{}, {}], (True, 0)),
    "STOP and UNSTOP": ([{}, {"action": "opt_in", "basis": "keyword", "keyword": "UNSTOP"}], (False, 1)),
    "START to another number": ([{}, {"action": "opt_in", "via_number": "+18335550100"}], (True, 0)),
    "START to the profile's long code": ([{}, {"action": "opt_in", "via_number": LONG_CODE}], (True, 0)),
    "START by another profile": ([{}, {"action": "opt_in", "messaging_profile_id": "other"}], (False, 1)),
    "STOP by its word": ([{"basis": "keyword"}], (True, 0)),
    "words that carriers do not know": ([{"basis": "keyword", "keyword": "REVOKE"}], None),
    "a refused send": ([{"basis": "blocked_send", "keyword": None}], None),
    "HELP": ([{"action": "help", "keyword": "HELP"}], None),
    "STOP to a long code": ([{"via_number": LONG_CODE}], None),
}


@pytest.mark.parametrize("name", BLOCKS)
async def test_carriers_block_per_toll_free_number(connection: asyncpg.Connection, name: str) -> None:
    said, wanted = BLOCKS[name]
    for minute, values in enumerate(said):
        at = NOON + minute * MINUTE
        await insert_opt_out_event(connection, **{"via_number": TOLL_FREE, "occurred_at": at, **values})
    rows = await fetch_tuples(connection, f"select * from telnyx.toll_free_blocks where via_number = '{TOLL_FREE}'")
    expected = wanted and (TOLL_FREE, PERSON, "default", wanted[0], NOON + wanted[1] * MINUTE)
    assert rows == ([expected] if expected else [])
