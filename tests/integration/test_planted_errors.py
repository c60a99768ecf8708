"""Proof that the laws can fail: an error planted in the declaration of a column turns its comparison red.

Each error is one that a programmer could make: the wrong join, a column torn from its winner, the last instead of the
first, "keep what was there". All are tried on the same fixed streams, on which the product shows no difference.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cache

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from projections.projection import Projection, Rows
from projections.projector import Projector
from projections.registry import PROJECTIONS
from projections.table import Row, Table
from schemas.event import Event
from schemas.record import Delivery
from tests import builders
from tests.integration.applying import allow_clearing, apply, clear, closing, expected_delivery, key_ring
from tests.oracle import compare
from tests.oracle.rows import Rows as OracleRows
from tests.oracle.tables import tables
from tests.streams import BASE, Webhook, streams

Plant = Callable[[Projection], Projection]


@cache
def fixed_streams() -> list[tuple[list[list[Webhook]], dict[str, OracleRows]]]:
    """Batches of webhooks that collide, always the same, with the rows that they must give."""
    collected: list[list[Webhook]] = []

    @seed(20260301)
    @settings(max_examples=25, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(streams(30))
    def collect(stream: list[Webhook]) -> None:
        collected.append(stream)

    collect()
    collected.append([Webhook(builders.encode(webhook), "a", BASE) for webhook in told_by_hand()])
    return [([[one] for one in stream], tables(list(map(expected_delivery, stream)))) for stream in collected]


def told_by_hand() -> list[builders.Json]:
    """A message whose dearer report is not the last word, and a person who stops, starts, and is refused a send."""
    noon, second = builders.NOON, timedelta(seconds=1)
    return [
        builders.message_finalized("m", cost={"amount": "0.0040", "currency": "USD"}),
        builders.message_sent("m", cost={"amount": "0.0051", "currency": "USD"}),
        builders.stop_received("i1", at=noon),
        builders.start_received("i2", at=noon + 60 * second),
        builders.send_refused("n", at=noon + 59 * second),  # refused two seconds later, from before the consent
    ]


# --- how errors are planted ------------------------------------------------------------------------------------------


def in_table(table: str, alter: Callable[[Table], Table]) -> Plant:
    """The same rows, merged by an altered declaration."""

    def plant(projection: Projection) -> Projection:
        altered = {known.name: alter(known) if known.name == table else known for known in projection.tables}

        def rows(event: Event, delivery: Delivery) -> Rows:
            return [(altered[known.name], row) for known, row in projection.rows(event, delivery)]

        return replace(projection, tables=tuple(altered.values()), rows=rows)

    return plant


def in_rows(table: str, alter: Callable[[Row], Row]) -> Plant:
    """The same declaration, given altered rows."""

    def plant(projection: Projection) -> Projection:
        def rows(event: Event, delivery: Delivery) -> Rows:
            found: Iterable[tuple[Table, Row]] = projection.rows(event, delivery)
            return [(known, alter(dict(row)) if known.name == table else row) for known, row in found]

        return replace(projection, rows=rows)

    return plant


def in_fold(old: str, new: str) -> Plant:
    """The same facts, folded by an altered statement."""

    def plant(projection: Projection) -> Projection:
        refold = projection.refold
        assert refold is not None
        assert isinstance(refold.fold, str)
        assert old in refold.fold
        return replace(projection, refold=replace(refold, fold=refold.fold.replace(old, new)))

    return plant


def moved(column: str, *, to: str) -> Callable[[Table], Table]:
    """A column that is merged by another rule: least, greatest, constants (the first stays) or winner."""

    def alter(table: Table) -> Table:
        kind = table.columns[column]

        def without(columns: Mapping[str, str]) -> dict[str, str]:
            return {name: of for name, of in columns.items() if name != column}

        winners = [replace(winner, takes=without(winner.takes)) for winner in table.winners]
        if to == "winner":
            winners[0] = replace(winners[0], takes={**winners[0].takes, column: kind})
        return replace(
            table,
            least={**without(table.least), **({column: kind} if to == "least" else {})},
            greatest={**without(table.greatest), **({column: kind} if to == "greatest" else {})},
            constants={**without(table.constants), **({column: kind} if to == "constants" else {})},
            winners=tuple(winners),
        )

    return alter


def the_latest_wins(table: Table) -> Table:
    """The winner of a delivery row by time alone, without rank."""
    status, cost = table.winners
    order = {name: kind for name, kind in status.order.items() if name != "status_rank"}
    return replace(
        table, winners=(replace(status, order=order, takes={**status.takes, "status_rank": "smallint"}), cost)
    )


# --- the errors ------------------------------------------------------------------------------------------------------

ERRORS: dict[str, Plant] = {
    "message_deliveries.status": in_table("message_deliveries", the_latest_wins),
    "message_deliveries.is_final": in_rows(
        "message_deliveries", lambda row: row | {"is_final": row["status_rank"] >= 4}
    ),
    "message_deliveries.error_codes": in_table("message_deliveries", moved("error_codes", to="greatest")),
    "message_deliveries.cost_amount": in_table("message_deliveries", moved("cost_amount", to="greatest")),
    "message_deliveries.sent_at": in_table("message_deliveries", moved("sent_at", to="greatest")),
    "message_deliveries.completed_at": in_table("message_deliveries", moved("completed_at", to="winner")),
    "message_deliveries.carrier": in_table("message_deliveries", moved("carrier", to="winner")),
    "message_deliveries.tags": in_table("message_deliveries", moved("tags", to="least")),
    "message_deliveries.account": in_table("message_deliveries", moved("account", to="constants")),
    "message_deliveries.first_event_at": in_table("message_deliveries", moved("first_event_at", to="constants")),
    "inbound_messages.sender": in_table("inbound_messages", moved("sender", to="greatest")),
    "inbound_messages.received_at": in_rows("inbound_messages", lambda row: row | {"received_at": row["occurred_at"]}),
    "message_contents.text": in_table("message_contents", moved("text", to="constants")),
    "opt_out_events.keyword": in_rows("opt_out_events", lambda row: row | {"keyword": (row["keyword"] or "")[:4]}),
    "opt_outs.opted_out": in_rows("opt_out_events", lambda row: row | {"attempted_at": None}),
    "opt_outs.changed_at": in_fold("changed_at = excluded.changed_at", "changed_at = kept.changed_at"),
    "opt_outs.telnyx_blocked": in_fold(
        "telnyx_blocked = excluded.telnyx_blocked", "telnyx_blocked = kept.telnyx_blocked or excluded.telnyx_blocked"
    ),
}


async def differing_columns(
    database_url: str, connection: asyncpg.Connection, projections: Sequence[Projection], *, until: str = ""
) -> set[str]:
    """The columns, as table.column, in which Postgres and the oracle differ; stops where `until` is among them."""
    columns: set[str] = set()
    await allow_clearing(connection)
    projector = Projector(database_url, keys=key_ring(), verify=False, owner="planted", projections=projections)
    async with closing(projector):
        for batches, expected in fixed_streams():
            await clear(connection)
            await apply(projector, batches)
            lines = compare.differences(expected, await compare.stored_tables(connection))
            columns |= {line.split(" of ")[0] for line in lines}
            if until in columns:
                break
    return columns


async def test_without_an_error_nothing_differs(database_url: str, connection: asyncpg.Connection) -> None:
    assert await differing_columns(database_url, connection, PROJECTIONS) == set()


@pytest.mark.parametrize("column", ERRORS)
async def test_a_planted_error_turns_its_column_red(
    database_url: str, connection: asyncpg.Connection, column: str
) -> None:
    table = column.split(".", maxsplit=1)[0]
    source = "opt_out_events" if table == "opt_outs" else table
    planted = [
        ERRORS[column](projection) if source in {known.name for known in projection.tables} else projection
        for projection in PROJECTIONS
    ]
    assert column in await differing_columns(database_url, connection, planted, until=column)
