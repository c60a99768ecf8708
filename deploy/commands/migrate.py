"""`migrate`: brings the schema in DATABASE_URL to this release's revision, and says which command comes next."""

import asyncio

import asyncpg

from deploy.commands import command_app, load_and_log
from deploy.settings import MigrateSettings
from projections.engine.projection_status import rebuilds_due
from projections.registry import PROJECTIONS
from schemas.sql.migrate import connected
from schemas.sql.migrate import migrate as migrate_schema

SSD_PAGE_COST = 2.0  # an installation on an SSD sets no more than this
LOCKS = 256  # a query that names no time takes five locks for each month of `events`

app = command_app()


@app.command()
def migrate() -> None:
    """Create the schema, or upgrade it."""
    settings = load_and_log(MigrateSettings)
    due, advice = asyncio.run(_migrate(settings.database_url))
    for line in advice:
        print(line)
    print("next: `telnyx-ledger topics`, then `telnyx-ledger ingest` and `telnyx-ledger project`")
    if due:
        rebuild = f"`telnyx-ledger rebuild {' '.join(due)}`"
        print(f"then, once every older `project` has stopped: {rebuild}, for the events that are already stored")


async def _migrate(database_url: str) -> tuple[list[str], list[str]]:
    await migrate_schema(database_url, print)
    async with connected(database_url) as connection:
        return await rebuilds_due(connection, PROJECTIONS), await _advice(connection)


async def _advice(connection: asyncpg.Connection) -> list[str]:
    """Return advice about settings of the server that are too small or make dashboards slow; empty if there is none."""
    name, cost, locks = await connection.fetchrow(
        "select quote_ident(current_database()), current_setting('random_page_cost')::float8,"
        " current_setting('max_locks_per_transaction')::integer"
    )
    advice = []
    if cost > SSD_PAGE_COST:
        advice.append(
            f"advice: random_page_cost is {cost:g}, a value for spinning disks; on an SSD, run `alter database {name}"
            " set random_page_cost = 1.1`, or a query for one month scans every delivery"
        )
    if locks < LOCKS:
        advice.append(
            f"advice: max_locks_per_transaction is {locks}; set it to {LOCKS} and restart Postgres, or a few queries of"
            " all months at once fail with `out of shared memory` after some years"
        )
    return advice
