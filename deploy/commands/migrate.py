"""`migrate`: the schema in DATABASE_URL at this release's revision."""

import asyncio

from deploy import logs
from deploy.settings import MigrateSettings
from schemas.migrate import migrate
from schemas.settings import load


def run_migrate() -> None:
    """Prints what was done. Raises Misconfigured or Unavailable; then nothing was."""
    settings = load(MigrateSettings)
    logs.configure(settings.ledger_log_level)
    asyncio.run(migrate(settings.database_url, print))
    print("next: `telnyx-ledger topics`, then `telnyx-ledger ingest` and `telnyx-ledger project`")
