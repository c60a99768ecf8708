"""The deliveries projection with a planted bug, and the rows and dead letters that it leaves."""

from dataclasses import replace

import asyncpg

from projections.engine.projection import Rows
from projections.tables.deliveries import DELIVERIES
from projections.tables.inbound import INBOUND
from projections.tables.opt_outs import OPT_OUTS
from schemas.kafka.record import Delivery
from schemas.reading.event import Event


def buggy(event: Event, delivery: Delivery) -> Rows:
    """Rows of DELIVERIES. Raises ZeroDivisionError for a message whose id begins with "bad"."""
    if str(event.payload.get("id")).startswith("bad"):
        raise ZeroDivisionError(event.payload["text"])
    return DELIVERIES.rows(event, delivery)


PROJECTIONS_WITH_A_BUG = (replace(DELIVERIES, rows=buggy), INBOUND, OPT_OUTS)


async def delivered(connection: asyncpg.Connection) -> list[str]:
    """The ids of the messages in `message_deliveries`."""
    rows = await connection.fetch("select message_id from telnyx.message_deliveries order by 1")
    return [row[0] for row in rows]


async def letters(connection: asyncpg.Connection) -> list[tuple[object, ...]]:
    """(projection, error_class, sqlstate, attempts) of every dead letter."""
    rows = await connection.fetch("select projection, error_class, sqlstate, attempts from telnyx.dead_letters")
    return [tuple(row) for row in rows]
