"""`migrate`: the schema in DATABASE_URL at this release's revision."""

import asyncio

from deploy import logs
from deploy.settings import MigrateSettings
from projections.states import rebuilds_due
from schemas.migrate import connected, migrate
from schemas.settings import load

SSD_PAGE_COST = 2.0  # nobody who has one asks for more


def run_migrate() -> None:
    """Prints what was done. Raises Misconfigured or Unavailable; then nothing was."""
    settings = load(MigrateSettings)
    logs.configure(settings.ledger_log_level)
    due, page_cost = asyncio.run(_migrate(settings.database_url))
    if page_cost > SSD_PAGE_COST:
        print(
            f"advice: random_page_cost is {page_cost:g}, for spinning disks; on SSDs `alter system set random_page_cost"
            " = 1.1`, then `select pg_reload_conf()`, or a dashboard's month reads all deliveries there are"
        )
    print("next: `telnyx-ledger topics`, then `telnyx-ledger ingest` and `telnyx-ledger project`")
    if due:
        print(
            f"then, once no older `project` runs: `telnyx-ledger rebuild {' '.join(due)}`, for what is stored already"
        )


async def _migrate(database_url: str) -> tuple[list[str], float]:
    await migrate(database_url, print)
    async with connected(database_url) as connection:
        page_cost = await connection.fetchval("select current_setting('random_page_cost')::float8")
        return await rebuilds_due(connection), page_cost
