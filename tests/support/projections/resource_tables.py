"""A projector, and its rows for spend limits, hosted and toll-free numbers, and link clicks."""

from datetime import datetime, timedelta
from typing import Any

import asyncpg

from projections.engine.projector import Projector
from schemas.reading.event import Event, read
from tests.support.projections.apply import apply
from tests.support.streams import Webhook
from tests.support.webhooks import builders
from tests.support.webhooks.builders import NOON, Json

TABLES = ("spend_limit_events", "hosted_number_orders", "hosted_numbers", "toll_free_verifications", "link_clicks")
Rows = list[dict[str, Any]]


def minutes(count: int) -> datetime:
    return NOON + timedelta(minutes=count)


def key_of(webhook: Json) -> str:
    found = read(builders.encode(webhook))
    assert isinstance(found, Event)
    return found.key


class Ledger:
    """A projector, and the rows of its tables."""

    def __init__(self, projector: Projector, administrator: asyncpg.Connection) -> None:
        self._projector = projector
        self._administrator = administrator

    async def clear(self) -> None:
        await self._administrator.execute(" ".join(f"delete from telnyx.{table};" for table in (*TABLES, "events")))

    async def apply(self, *webhooks: Json | bytes, account: str = "a") -> None:
        bodies = (item if isinstance(item, bytes) else builders.encode(item) for item in webhooks)
        await apply(self._projector, [[Webhook(body, account, NOON) for body in bodies]])

    async def rows(self, table: str) -> Rows:
        return [dict(row) for row in await self._administrator.fetch(f"select * from telnyx.{table} order by 1, 2")]

    async def row(self, table: str) -> dict[str, Any]:
        [row] = await self.rows(table)
        return row

    async def everything(self) -> dict[str, Rows]:
        return {table: await self.rows(table) for table in TABLES}
