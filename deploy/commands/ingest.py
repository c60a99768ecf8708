"""`ingest`: webhooks in, Kafka out."""

import uvloop

from deploy import logs
from deploy.schema_check import refuse_old_schema
from ingest.server import serve
from ingest.settings import IngestSettings
from schemas.settings import load


def run_ingest() -> None:
    """Until SIGTERM or SIGINT. Raises Misconfigured at the start only."""
    settings = load(IngestSettings)
    logs.configure(settings.ledger_log_level)
    uvloop.run(_run(settings))


async def _run(settings: IngestSettings) -> None:
    await refuse_old_schema(settings.database_url)
    await serve(settings)
