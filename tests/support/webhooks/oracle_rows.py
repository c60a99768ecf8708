"""Webhooks as deliveries, and the oracle's rows of them."""

from datetime import datetime
from typing import Any

from tests.oracle.bodies import Delivery
from tests.oracle.tables import tables
from tests.support.webhooks import builders
from tests.support.webhooks.builders import NOON


def delivery(webhook: Any, *, refused: str | None = None, received_at: datetime = NOON, account: str = "a") -> Delivery:
    body = webhook if isinstance(webhook, bytes) else builders.encode(webhook)
    return Delivery(account, "k", received_at, body, b"s" * 64, "1", refused)


def rows(table: str, *webhooks: Any) -> dict[Any, Any]:
    return tables([delivery(webhook) for webhook in webhooks])[table]


def only(table: str, *webhooks: Any) -> Any:
    (row,) = rows(table, *webhooks).values()
    return row
