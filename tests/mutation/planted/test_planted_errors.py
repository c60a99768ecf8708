"""The laws can fail: an error planted in the declaration of a column shows up in the comparison with the oracle.

Each error is one that a programmer could make: the wrong join, a column separated from its winner, the last value
instead of the first. All run on the same fixed streams, where the product shows no difference.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import cache

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from projections.engine.projection import Projection
from projections.engine.projector import Projector
from projections.engine.table import Row
from projections.registry import PROJECTIONS
from projections.sql import queries
from projections.tables.ten_dlc import folds as ten_dlc_folds
from projections.tables.ten_dlc import refold as ten_dlc_refold
from projections.tables.ten_dlc.folds import Fact, fold_brand, fold_campaign, fold_number
from projections.tables.ten_dlc.ids import has_shape
from projections.tables.ten_dlc.status_rules import CAMPAIGN_RULES, DOCUMENTED_TRANSITIONS
from tests.mutation.planted.plants import Plant, in_fold, in_module, in_rows, in_table, moved, the_latest_wins
from tests.oracle import compare
from tests.oracle.rows import Rows
from tests.oracle.tables import tables
from tests.support.projections.apply import allow_clearing, apply, clear, closing, expected_delivery, key_ring
from tests.support.streams import BASE, Webhook, streams
from tests.support.webhooks import builders

FAMILIES = {
    "messages": {"messages": 30, "ten_dlc": 0, "resources": 0},
    "ten_dlc": {"messages": 0, "ten_dlc": 30, "resources": 0},
    "resources": {"messages": 0, "ten_dlc": 0, "resources": 40},
}
# Folded tables, and the table of their facts.
FACTS = {
    "opt_outs": "opt_out_events",
    **dict.fromkeys(("ten_dlc_aliases", "brands", "campaigns"), "ten_dlc_events"),
    **dict.fromkeys(("campaign_transitions", "campaign_numbers"), "ten_dlc_events"),
}


@cache
def fixed_streams(family: str) -> list[tuple[list[list[Webhook]], dict[str, Rows]]]:
    """Fixed streams of colliding webhooks, with their expected rows."""
    collected: list[list[Webhook]] = []

    @seed(20260301)
    @settings(max_examples=25, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(streams(**FAMILIES[family]))
    def collect(stream: list[Webhook]) -> None:
        collected.append(stream)

    collect()
    if family == "messages":
        collected.append([Webhook(builders.encode(webhook), "a", BASE) for webhook in webhooks_by_hand()])
    return [([[webhook] for webhook in stream], tables(list(map(expected_delivery, stream)))) for stream in collected]


def webhooks_by_hand() -> list[builders.Json]:
    """A message whose higher cost is not its last, and a person who stops, starts, and has a refused send."""
    noon, second = builders.NOON, timedelta(seconds=1)
    return [
        builders.message_finalized("m", cost={"amount": "0.0040", "currency": "USD"}),
        builders.message_sent("m", cost={"amount": "0.0051", "currency": "USD"}),
        builders.stop_received("i1", at=noon),
        builders.start_received("i2", at=noon + 60 * second),
        builders.send_refused(
            "n", at=noon + 59 * second
        ),  # refused two seconds later, but attempted before the consent
    ]


# --- the errors ------------------------------------------------------------------------------------------------------

TEN_DLC_SQL = queries("ten_dlc")
LATEST_LINK = TEN_DLC_SQL["changed_links"].replace("tcr_id_has_field desc, ", "")
WITHOUT_CONDITIONS = tuple(replace(rule, unless_at=(), only_at=()) for rule in CAMPAIGN_RULES)
AND_BACK = {**DOCUMENTED_TRANSITIONS, "TCR_SUSPENDED": ("MNO_PROVISIONED", "MNO_PENDING")}


def without_descriptions(row: Row) -> Row:
    said = row["tcr_id_has_field"] or has_shape("campaign", row["campaign_id"] or "")
    return row if said else row | {"tcr_campaign_id": None}


def forgetful(facts: Sequence[Fact]) -> Row:
    """Clears the reason of a failure on a later success."""
    return fold_brand(facts) | ({} if (facts[-1]["status"] or "").upper() == "FAILED" else {"last_reason": None})


def where_it_began(facts: Sequence[Fact]) -> tuple[Row, list[Row]]:
    row, transitions = fold_campaign(facts)
    return row | {"previous_status": transitions[0]["from_status"] if transitions else None}, transitions


def numbered_from_zero(facts: Sequence[Fact]) -> tuple[Row, list[Row]]:
    row, transitions = fold_campaign(facts)
    return row, [transition | {"seq": transition["seq"] - 1} for transition in transitions]


def by_the_first_fact(facts: Sequence[Fact]) -> Row | None:
    return fold_number(facts[::-1])


def in_binary(row: Row) -> Row:
    cost = row["current_cost"]
    return row | {"current_cost": None if cost is None else Decimal(float(cost))}


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
    "ten_dlc_events.tcr_campaign_id": in_rows("ten_dlc_events", without_descriptions),
    "ten_dlc_aliases.id": in_module(TEN_DLC_SQL, "changed_links", LATEST_LINK),
    "brands.identity_status": in_rows("ten_dlc_events", lambda row: row | {"identity_status": row["status"]}),
    "brands.last_reason": in_module(ten_dlc_refold, "fold_brand", forgetful),
    "campaigns.status": in_module(ten_dlc_folds, "CAMPAIGN_RULES", WITHOUT_CONDITIONS),
    "campaigns.previous_status": in_module(ten_dlc_refold, "fold_campaign", where_it_began),
    "campaign_transitions.from_status": in_module(ten_dlc_folds, "RESUMED", "MNO_PROVISIONED"),
    "campaign_transitions.is_documented": in_module(ten_dlc_folds, "DOCUMENTED_TRANSITIONS", AND_BACK),
    "campaign_transitions": in_module(ten_dlc_refold, "fold_campaign", numbered_from_zero),
    "campaign_numbers.status": in_module(ten_dlc_refold, "fold_number", by_the_first_fact),
    "campaign_numbers": in_module(TEN_DLC_SQL, "delete_numbers", "select $1::text[], $2::text[]"),
    "spend_limit_events.current_cost": in_rows("spend_limit_events", in_binary),
    "hosted_number_orders.status": in_table("hosted_number_orders", moved("status", to="winner")),
    "hosted_number_orders.decision": in_table("hosted_number_orders", moved("decision", to="greatest")),
    "hosted_numbers.status": in_table("hosted_numbers", moved("status", to="constants")),
    "toll_free_verifications.status": in_table("toll_free_verifications", moved("status", to="greatest")),
    "link_clicks.recipient": in_rows(
        "link_clicks", lambda row: row | {"recipient": (row["recipient"] or "").strip("+")}
    ),
    "person_events": in_rows("person_events", lambda row: row | {"phone_number": row["phone_number"].strip("+")}),
}


async def differing_columns(
    database_url: str,
    connection: asyncpg.Connection,
    projections: Sequence[Projection],
    *,
    family: str,
    until: str = "",
) -> set[str]:
    """The columns (table.column) in which Postgres and the oracle differ; stops once `until` is among them."""
    columns: set[str] = set()
    await allow_clearing(connection)
    projector = Projector(database_url, keys=key_ring(), verify=False, owner="planted", projections=projections)
    async with closing(projector):
        for batches, expected in fixed_streams(family):
            await clear(connection)
            await apply(projector, batches)
            lines = compare.differences(expected, await compare.stored_tables(connection))
            columns |= {line.split(" of ")[0] for line in lines}
            if until in columns:
                break
    return columns


@pytest.mark.parametrize("family", FAMILIES)
async def test_without_an_error_nothing_differs(database_url: str, connection: asyncpg.Connection, family: str) -> None:
    assert await differing_columns(database_url, connection, PROJECTIONS, family=family) == set()


@pytest.mark.parametrize("column", ERRORS)
async def test_a_planted_error_names_its_column(database_url: str, connection: asyncpg.Connection, column: str) -> None:
    """A key of ERRORS without a column means wrong or missing rows."""
    table = column.split(".", maxsplit=1)[0]
    source = FACTS.get(table, table)
    planted = [
        ERRORS[column](projection) if source in {known.name for known in projection.tables} else projection
        for projection in PROJECTIONS
    ]
    assert column in await differing_columns(database_url, connection, planted, family=family_of(source), until=column)


def family_of(table: str) -> str:
    if table.startswith("ten_dlc"):
        return "ten_dlc"
    return "messages" if table.startswith(("message", "inbound", "opt_out")) else "resources"
