"""Spend limits: one row for each event, and money as the decimal that was written."""

from decimal import Decimal

from tests.support.projections.resource_tables import Ledger, key_of
from tests.support.webhooks import builders
from tests.support.webhooks.builders import NOON, spend_limit_reached


async def test_a_spend_limit_is_a_row_of_its_event(ledger: Ledger) -> None:
    webhook = spend_limit_reached()
    await ledger.apply(webhook)
    row = await ledger.row("spend_limit_events")
    assert row | {"event_key": str(row["event_key"])} == {
        "event_key": key_of(webhook), "account": "a", "messaging_profile_id": builders.PROFILE,
        "configured_limit": Decimal("10.00"), "current_cost": Decimal("10.02"), "occurred_at": NOON,
    }  # fmt: skip


async def test_money_is_the_decimal_that_was_written(ledger: Ledger) -> None:
    webhook = builders.encode(spend_limit_reached()).replace(b'"10.02"', b"0.10000000000000000000000001")
    await ledger.apply(webhook.replace(b'"10.00"', b"7"))
    row = await ledger.row("spend_limit_events")
    assert (str(row["configured_limit"]), str(row["current_cost"])) == ("7", "0.10000000000000000000000001")


async def test_an_unreadable_value_is_null(ledger: Ledger) -> None:
    await ledger.apply(spend_limit_reached(None, configured_limit="ten", current_cost={"amount": "1"}))
    row = await ledger.row("spend_limit_events")
    assert {row["messaging_profile_id"], row["configured_limit"], row["current_cost"]} == {None}
