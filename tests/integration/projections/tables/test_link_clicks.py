"""Link clicks: one row for each, with its own time or else that of the event."""

from tests.support.projections.resource_tables import Ledger, key_of, minutes
from tests.support.webhooks import builders
from tests.support.webhooks.builders import NOON, link_clicked


async def test_a_link_click_has_no_event_type_and_is_its_own_payload(ledger: Ledger) -> None:
    webhook = link_clicked()
    await ledger.apply(webhook)
    row = await ledger.row("link_clicks")
    assert row | {"event_key": str(row["event_key"])} == {
        "event_key": key_of(webhook), "account": "a", "message_id": "msg-1", "recipient": builders.PERSON,
        "url": "https://example.com/appointment", "clicked_at": NOON,
    }  # fmt: skip


async def test_a_link_click_without_its_time_is_dated_by_the_event(ledger: Ledger) -> None:
    late = link_clicked(time_clicked="yesterday", occurred_at=builders.moment(minutes(5)), url=7, to=None)
    await ledger.apply(late, builders.event("link_clicked", {"message_id": 7, "to": {"phone_number": "+1"}}))
    rows = sorted(await ledger.rows("link_clicks"), key=lambda row: str(row["message_id"]))
    assert [(row["message_id"], row["recipient"], row["clicked_at"]) for row in rows] == [
        ("7", "+1", NOON),
        ("msg-1", None, minutes(5)),
    ]
