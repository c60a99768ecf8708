"""`migrate`: the schema in DATABASE_URL at this release's revision."""

import asyncio

import asyncpg

from deploy import logs
from deploy.settings import MigrateSettings
from projections.engine.projection_status import rebuilds_due
from projections.registry import PROJECTIONS
from schemas.settings import load
from schemas.sql.migrate import connected, migrate

SSD_PAGE_COST = 2.0  # nobody who has one asks for more


def run_migrate() -> None:
    """Prints what was done. Raises Misconfigured or Unavailable; then nothing was."""
    settings = load(MigrateSettings)
    logs.configure(settings.ledger_log_level)
    due, advice = asyncio.run(_migrate(settings.database_url))
    if advice:
        print(advice)
    print("next: `telnyx-ledger topics`, then `telnyx-ledger ingest` and `telnyx-ledger project`")
    if due:
        print(
            f"then, once no older `project` runs: `telnyx-ledger rebuild {' '.join(due)}`, for what is stored already"
        )


async def _migrate(database_url: str) -> tuple[list[str], str]:
    await migrate(database_url, print)
    async with connected(database_url) as connection:
        return await rebuilds_due(connection, PROJECTIONS), await _advice(connection)


async def _advice(connection: asyncpg.Connection) -> str:
    """What makes dashboards slow on the usual disk; empty where nothing does."""
    name, cost = await connection.fetchrow(
        "select quote_ident(current_database()), current_setting('random_page_cost')::float8"
    )
    if cost <= SSD_PAGE_COST:
        return ""
    return (
        f"advice: random_page_cost is {cost:g}, for spinning disks; on an SSD `alter database {name} set"
        " random_page_cost = 1.1`, or a month of some million deliveries is found by reading all of them"
    )
