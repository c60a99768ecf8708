"""`ingest`: receives webhooks and publishes them to Kafka."""

import uvloop

from deploy import logs
from deploy.commands import command_app
from deploy.schema_check import require_current_schema
from ingest.server import serve
from ingest.settings import IngestSettings
from schemas.settings import load

app = command_app()


@app.command()
def ingest() -> None:
    """Receive webhooks and publish them to Kafka.

    While Kafka is unavailable, they wait in the spool on disk.
    """
    settings = load(IngestSettings)
    logs.configure(settings.ledger_log_level)
    uvloop.run(_serve(settings))


async def _serve(settings: IngestSettings) -> None:
    await require_current_schema(settings.database_url)
    await serve(settings)
