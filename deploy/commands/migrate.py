"""`migrate`: the schema in DATABASE_URL at this release's revision."""

import asyncio

from deploy import logs
from deploy.settings import MigrateSettings
from projections.states import rebuilds_due
from schemas.migrate import connected, migrate
from schemas.settings import load


def run_migrate() -> None:
    """Prints what was done. Raises Misconfigured or Unavailable; then nothing was."""
    settings = load(MigrateSettings)
    logs.configure(settings.ledger_log_level)
    due = asyncio.run(_migrate(settings.database_url))
    print("next: `telnyx-ledger topics`, then `telnyx-ledger ingest` and `telnyx-ledger project`")
    if due:
        print(
            f"then, once no older `project` runs: `telnyx-ledger rebuild {' '.join(due)}`, for what is stored already"
        )


async def _migrate(database_url: str) -> list[str]:
    await migrate(database_url, print)
    async with connected(database_url) as connection:
        return await rebuilds_due(connection)
