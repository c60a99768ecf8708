"""The views of message deliveries and events, clause by clause: rows in, expected rows out, in any time zone."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import asyncpg
import pytest

from tests.oracle.views import area_codes
from tests.support.sql.rows import (
    HOUR,
    LONG_CODE,
    MINUTE,
    NOON,
    PERSON,
    SECOND,
    fetch_tuples,
    insert_delivery,
    insert_event,
    insert_opt_out_event,
)

CLASSES = [
    *((status, True, "delivered") for status in ("delivered", "read")),
    *((status, True, "failed") for status in ("sending_failed", "delivery_failed", "expired", "failed")),
    *((status, True, "failed") for status in ("cancelled", "gw_timeout")),
    *((status, True, "unconfirmed") for status in ("delivery_unconfirmed", "unknown", "dlr_timeout", "sent", "odd")),
    *((status, False, "pending") for status in ("queued", "sending", "sent", "scheduled", "odd")),
]


async def test_every_status_has_its_class(connection: asyncpg.Connection) -> None:
    for number, (status, is_final, _) in enumerate(CLASSES):
        await insert_delivery(
            connection, f"m{number}", status=status, is_final=is_final, parts=2, cost_amount=Decimal("0.1")
        )
    wanted = {name: sum(found == name for *_, found in CLASSES) for name in ("delivered", "failed", "unconfirmed")}
    [row] = await connection.fetch("select * from telnyx.delivery_hourly")
    assert {name: row[name] for name in wanted} == wanted
    assert (row["messages"], row["pending"]) == (len(CLASSES), 5)
    assert (row["parts"], row["cost_amount"]) == (2 * len(CLASSES), Decimal("0.1") * len(CLASSES))


async def test_rows_are_counted_and_unknown_sums_are_null(connection: asyncpg.Connection) -> None:
    await insert_delivery(connection, "one", recipient="+1", messaging_profile_id=None)
    await insert_delivery(connection, "one", recipient="+2", messaging_profile_id=None)
    rows = await fetch_tuples(
        connection, "select messages, parts, cost_amount, messaging_profile_id from telnyx.delivery_hourly"
    )
    assert rows == [(2, None, None, None)]


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "America/St_Johns"])
async def test_hours_and_days_are_utc_in_every_session(connection: asyncpg.Connection, zone: str) -> None:
    await connection.execute(f"set timezone = '{zone}'")
    midnight = datetime(2026, 3, 8, tzinfo=UTC)
    for name, at in {"before": midnight - timedelta(microseconds=1), "after": midnight}.items():
        await insert_delivery(connection, name, sent_at=None, first_event_at=at, status_at=at, error_codes=["40008"])
        await insert_opt_out_event(connection, phone_number=name, occurred_at=at)
    hours = await fetch_tuples(connection, "select hour, messages from telnyx.delivery_hourly order by hour")
    assert hours == [(midnight - HOUR, 1), (midnight, 1)]
    for view in ("delivery_by_carrier_daily", "error_breakdown_daily", "opt_out_daily", "unregistered_traffic"):
        days = await fetch_tuples(connection, f"select day from telnyx.{view} order by day")
        assert days == [(date(2026, 3, 7),), (date(2026, 3, 8),)], view


async def test_errors_are_counted_by_code_on_the_day_of_their_status(connection: asyncpg.Connection) -> None:
    await insert_delivery(connection, "m1", error_codes=["40008", "99999"], status_at=NOON + 24 * HOUR)
    await insert_delivery(connection, "m2", error_codes=["40008"], status_at=NOON + 24 * HOUR)
    await insert_delivery(connection, "m3")
    rows = await fetch_tuples(connection, "select * from telnyx.error_breakdown_daily order by error_code")
    day = NOON.date() + timedelta(days=1)
    assert rows == [("a", "40008", day, "Undeliverable", "auto_retriable", 2), ("a", "99999", day, None, None, 1)]


async def test_stuck_messages_were_sent_a_day_ago_and_are_not_final(connection: asyncpg.Connection) -> None:
    now = datetime.now(UTC)
    late, fresh = now - 24 * HOUR - MINUTE, now - 24 * HOUR + MINUTE
    await insert_delivery(connection, "stuck", sent_at=late, is_final=False, status="sent", carrier="AT&T")
    await insert_delivery(connection, "fresh", sent_at=fresh, is_final=False, status="sent")
    await insert_delivery(connection, "final", sent_at=late)
    await insert_delivery(connection, "never sent", sent_at=None, first_event_at=late, is_final=False, status="queued")
    rows = await fetch_tuples(connection, "select * from telnyx.stuck_messages")
    assert rows == [("stuck", PERSON, "a", LONG_CODE, "AT&T", late)]


async def test_a_day_of_consent_is_counted_by_kind(connection: asyncpg.Connection) -> None:
    for action, basis in [
        *(("opt_out", "autoresponse"), ("opt_out", "keyword"), ("opt_out", "blocked_send"), ("opt_in", "keyword")),
        *(("help", "autoresponse"), ("help", "keyword"), ("help", "keyword")),
    ]:
        await insert_opt_out_event(connection, action=action, basis=basis)
    rows = await fetch_tuples(connection, "select * from telnyx.opt_out_daily")
    assert rows == [("default", "profile", NOON.date(), 2, 1, 3, 1)]


async def test_event_id_conflicts_list_ids_of_several_events(connection: asyncpg.Connection) -> None:
    for event_id, account, minutes in [
        *(("twice", "a", 0), ("twice", "a", 5), ("twice", "b", 1), ("once", "a", 0), (None, "a", 0), (None, "a", 1))
    ]:
        await insert_event(connection, event_id=event_id, account=account, occurred_at=NOON + minutes * MINUTE)
    rows = await fetch_tuples(connection, "select * from telnyx.event_id_conflicts")
    assert rows == [("a", "twice", 2, NOON, NOON + 5 * MINUTE)]
    since = f"select * from telnyx.event_id_conflicts_since('{NOON.isoformat()}'::timestamptz{{}})"
    assert await fetch_tuples(connection, since.format("")) == rows
    assert await fetch_tuples(connection, since.format(" + interval '1 second'")) == []


async def test_lag_is_measured_per_minute_of_the_last_day(connection: asyncpg.Connection) -> None:
    now = datetime.now(UTC)
    minute = (now - HOUR).replace(second=0, microsecond=0)
    for seconds in range(101):
        await insert_event(connection, recorded_at=minute + SECOND, received_at=minute + SECOND - seconds * SECOND)
    await insert_event(connection, recorded_at=minute - timedelta(microseconds=1), received_at=minute - SECOND)
    await insert_event(connection, recorded_at=now - 24 * HOUR - MINUTE, received_at=NOON)
    rows = await fetch_tuples(connection, "select * from telnyx.pipeline_lag order by minute")
    assert rows[0] == (minute - MINUTE, 1, pytest.approx(0.999999), pytest.approx(0.999999))
    assert rows[1:] == [(minute, 101, 50.0, 99.0)]


async def test_every_area_code_agrees_with_a_second_list(connection: asyncpg.Connection) -> None:
    numbers = [f"+1{code}5550100" for code in range(200, 1000)]
    numbers += ["+1415555010", "+141555501000", "14155550100", "+24155550100", "12345", "+1800555010", "Sender", ""]
    numbers += ["+1415555010x", "+14155550100\n"]
    rows = await connection.fetch(
        "select number, telnyx.is_toll_free(number), telnyx.is_us_long_code(number) from unnest($1::text[]) as number",
        numbers,
    )
    for number, toll_free, long_code in map(tuple, rows):
        assert (toll_free, long_code) == (area_codes.is_toll_free(number), area_codes.is_us_long_code(number)), number
