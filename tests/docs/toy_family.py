"""A toy family, orders to port numbers to Telnyx, as the literal edits that docs/adding-a-family.md asks for."""

from dataclasses import dataclass
from pathlib import Path

NAMES = {"family": "porting_orders", "table": "porting_orders", "schema": "porting-order"}
EVENT = {
    "event_type": "porting_order.status_changed",
    "occurred_at": "2026-03-01T12:00:00Z",
    "id": "e1",
    "payload": {"id": "order-1", "status": " In Process "},
}
ROW = {"order_id": "order-1", "account": "a", "status": "in process"}

CREATED = {
    "schemas/families/porting_orders.py": '''\
"""Porting orders: the status of one changed."""

from typing import Annotated

from msgspec import Meta, Struct

from schemas.families.envelope import Id, Webhook


class PortingOrder(Struct, frozen=True):
    """An order to port numbers to Telnyx."""

    id: Id | None = None
    status: Annotated[str | None, Meta(examples=["draft", "in process", "ported"])] = None


PortingOrderChanged = Webhook[PortingOrder]
''',
    "schemas/sql/tables/porting_orders.sql": """\
create table telnyx.porting_orders (
  order_id       text collate "C" not null,
  account        text collate "C" not null,
  status         text collate "C" not null,
  status_at      timestamptz not null,
  last_event_key uuid not null,
  constraint porting_orders_pk primary key (order_id)
) with (fillfactor = 80);

comment on table telnyx.porting_orders is 'Orders to port numbers to Telnyx, with their status.';
comment on column telnyx.porting_orders.order_id is 'Telnyx''s id of the order.';
comment on column telnyx.porting_orders.account is 'The account whose key signed the latest webhook.';
comment on column telnyx.porting_orders.status is 'The latest status, in lower case.';
comment on column telnyx.porting_orders.status_at is 'When the event occurred that gave the status.';
comment on column telnyx.porting_orders.last_event_key is 'The event that gave the status: see events.';
""",
    "projections/tables/porting_orders.py": '''\
"""Porting orders: the latest status of each, as one row (docs/semantics.md, section 8)."""

from projections.engine.projection import Projection, Rows
from projections.engine.table import Row, table
from schemas.families.table import types_of
from schemas.kafka.record import Delivery
from schemas.reading.event import Event
from schemas.reading.normalize import lower, vendor_id

PORTING_ORDERS = table(
    "porting_orders",
    key="order_id text",
    winners=(("status_at timestamptz, last_event_key uuid", "account text, status text"),),
)


def porting_order_rows(event: Event, delivery: Delivery) -> Rows:
    """An order has a status."""
    order_id, status = vendor_id(event.payload.get("id")), lower(event.payload.get("status"))
    if order_id is None or status is None:
        return
    row: Row = {
        "order_id": order_id,
        "account": delivery.account,
        "status": status,
        "status_at": event.occurred_at,
        "last_event_key": event.key,
    }
    yield PORTING_ORDERS, row


PORTING = Projection(
    name="porting_orders",
    version=1,
    event_types=types_of("porting-order"),
    tables=(PORTING_ORDERS,),
    rows=porting_order_rows,
)
''',
}


@dataclass(frozen=True, slots=True)
class Insertion:
    """`text` is put before each place where `anchor` stands in the file, `times` places in all."""

    anchor: str
    text: str
    times: int = 1

    def applied(self, content: str) -> str:
        """The content with the text. Raises ValueError where the anchor stands more or less often."""
        if content.count(self.anchor) != self.times:
            raise ValueError(f"{self.anchor!r} stands {content.count(self.anchor)} times, expected {self.times}")
        return content.replace(self.anchor, self.text + self.anchor)


INSERTED = {
    "docs/semantics.md": (
        Insertion("| any other type | none.", "| begins with `porting_order.` | `porting_orders` |\n"),
        Insertion(
            "| `person_events` (phone_number,",
            "| `porting_orders` (order_id) | per `id(p.id)`, from its latest event with a `lower(p.status)`: account,"
            " status, status_at, last_event_key |\n",
        ),
    ),
    "docs/tables.md": (
        Insertion("## Events\n", "**porting_orders** has one row per order to port numbers, with its status.\n\n"),
    ),
    "CHANGELOG.md": (Insertion("- **10DLC tables**", "- **porting_orders**: the status of each porting order.\n"),),
    "schemas/families/table.py": (
        Insertion(
            "from schemas.families.spend_limits import",
            "from schemas.families.porting_orders import PortingOrderChanged\n",
        ),
        Insertion(
            '    Family("verification",',
            '    Family("porting-order", "portingOrderChanged", "An order to port numbers",\n'
            '           PortingOrderChanged, "other", EVENT_KEY, "traffic",\n'
            '           EventTypes("porting_order.*")),\n',
        ),
    ),
    "schemas/sql/grants.sql": (Insertion("telnyx.link_clicks,", "telnyx.porting_orders, ", times=2),),
    "projections/registry.py": (
        Insertion(
            "from projections.tables.spend_limits import", "from projections.tables.porting_orders import PORTING\n"
        ),
        Insertion("    PERSONS,\n", "    PORTING,\n"),
    ),
    "projections/rebuild/origins.py": (
        Insertion(
            '    "toll_free_verifications": _of',
            """    "porting_orders": _of_several("'registry'", "live.status_at", "live.status_at"),\n""",
        ),
    ),
    "tests/contract/tables.py": (
        Insertion(
            '    "link_clicks": table(\n',
            '    "porting_orders": table(\n'
            '        "order_id text, account text, status text, status_at timestamptz, last_event_key uuid",\n'
            '        key="order_id",\n'
            "    ),\n",
        ),
        Insertion('    "persons": (1,', '    "porting_orders": (1, "e4a6a0577479b2b4"),\n'),
    ),
    "tests/oracle/resources.py": (
        Insertion(
            "def link_clicks(",
            """\
def porting_orders(events: Sequence[Event]) -> Rows:
    rows: Rows = {}
    for event in _in_order(events, "porting_order."):
        order_id, status = id_(event.p.get("id")), lower(event.p.get("status"))
        if order_id is not None and status is not None:
            rows[order_id,] = {
                "order_id": order_id,
                "account": event.account,
                "status": status,
                "status_at": event.occurred_at,
                "last_event_key": event.key,
            }
    return rows


""",
        ),
    ),
    "tests/support/streams/resources.py": (
        Insertion(
            "RESOURCES = weighted(\n",
            'PORTING = st.fixed_dictionaries({"id": pool("po1", "po2", 7), "status": pool("draft", " In Process ")})\n',
        ),
        Insertion(
            "    (2, LINK_CLICK),\n",
            '    (4, an_event(("porting_order.status_changed", "porting_order.", "porting_order"), PORTING)),\n',
        ),
    ),
}


def add(copy: Path) -> None:
    """Make all of these edits in a copy of the repository."""
    for name, text in CREATED.items():
        (copy / name).write_text(text)
    for name, insertions in INSERTED.items():
        content = (copy / name).read_text()
        for insertion in insertions:
            content = insertion.applied(content)
        (copy / name).write_text(content)


# A test that only the copy has: the projector makes a row of a toy event, and agrees with the oracle on any stream.
CHECK_FILE = "tests/integration/projections/tables/test_toy_family.py"
CHECK = f"""\
from collections.abc import AsyncIterator

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projections.engine.projector import Projector
from tests.oracle import compare
from tests.oracle.tables import tables
from tests.support.projections.apply import allow_clearing, apply, clear, closing, expected_delivery, new_projector
from tests.support.streams import BASE, Webhook, body_of, webhooks
from tests.support.streams.resources import RESOURCES, PORTING
from tests.support.streams.pools import an_event

TOYS = an_event(("porting_order.status_changed",), PORTING) | RESOURCES
STREAMS = st.lists(webhooks(TOYS.map(body_of)), min_size=3, max_size=9)


@pytest.fixture
async def projector(database_url: str) -> AsyncIterator[Projector]:
    async with closing(new_projector(database_url)) as opened:
        yield opened


async def test_a_toy_event_makes_a_row(projector: Projector, connection: asyncpg.Connection) -> None:
    await apply(projector, [[Webhook(body_of({EVENT!r}), "a", BASE)]])
    row = await connection.fetchrow("select order_id, account, status from telnyx.porting_orders")
    assert dict(row) == {ROW!r}
    assert await connection.fetchval("select retention_class from telnyx.events") == "traffic"


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(stream=STREAMS)
async def test_the_oracle_agrees(projector: Projector, connection: asyncpg.Connection, stream: list[Webhook]) -> None:
    await allow_clearing(connection)
    await clear(connection)
    await apply(projector, [stream])
    expected = tables([expected_delivery(webhook) for webhook in stream])
    assert compare.differences(expected, await compare.stored_tables(connection)) == []
"""
