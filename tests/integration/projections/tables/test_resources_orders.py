"""Spend limits, hosted and toll-free numbers, and clicks: the same rows in every order of arrival."""

import itertools

from tests.support.projections.resource_tables import Ledger, key_of, minutes
from tests.support.webhooks.builders import Json, hosted_order, link_clicked, spend_limit_reached, toll_free_update


def story() -> list[Json]:
    """Contradicting events of the same entities, three of them at the same time."""
    one = {"value": "+13125550001", "status": "pending"}
    return [
        hosted_order("created", order_status="pending", decision="pending", numbers=[one], at=minutes(0)),
        hosted_order(
            "updated", order_status="failed", profile_id="p1", numbers=[one | {"status": "failed"}], at=minutes(1)
        ),
        hosted_order("updated", order_status="successful", approval_deadline=1772625600, at=minutes(1)),
        hosted_order("deleted", approval_decision="approved", profile_id="p2", at=minutes(1)),
        hosted_order("updated", approval_deadline="2026-03-09T00:00:00Z", at=minutes(0)),
    ]


async def test_every_order_repetition_and_batching_gives_the_same_rows(ledger: Ledger) -> None:
    toll_free = [
        toll_free_update(status=status, at=minutes(number // 2)) for number, status in enumerate(("a", "b", "c", "d"))
    ]
    rest = [spend_limit_reached(), link_clicked()]
    await ledger.apply(*story(), *toll_free, *rest)
    whole = await ledger.everything()
    latest = max(story(), key=lambda webhook: (webhook["data"]["occurred_at"], key_of(webhook)))
    assert str(whole["hosted_number_orders"][0]["last_event_key"]) == key_of(latest)
    for number, order in enumerate(itertools.permutations(story())):
        await ledger.clear()
        cut = number % 5
        webhooks = [*order, *(toll_free if number % 2 else reversed(toll_free)), *rest]
        await ledger.apply(*webhooks[:cut])
        await ledger.apply(*webhooks[cut:], *webhooks[:2])
        if number % 7 == 0:
            await ledger.apply(*webhooks)
        assert await ledger.everything() == whole


async def test_the_account_is_that_of_the_latest_event(ledger: Ledger) -> None:
    pending = {"value": "+13125550001", "status": "pending"}
    for webhooks in (1, -1):
        await ledger.clear()
        for minute in (0, 1)[::webhooks]:
            account = "ab"[minute]
            await ledger.apply(
                hosted_order(numbers=[pending], at=minutes(minute)),
                toll_free_update(at=minutes(minute)),
                account=account,
            )
        found = await ledger.everything()
        tables = ("hosted_number_orders", "hosted_numbers", "toll_free_verifications")
        assert [found[table][0]["account"] for table in tables] == ["b", "b", "b"]
